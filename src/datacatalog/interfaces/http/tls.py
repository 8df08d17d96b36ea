"""The gateway's certificate: looked at before anything listens, since a server that has started cannot say what is wrong."""

from __future__ import annotations

import ssl
import stat

from datacatalog.domain.errors import Misconfigured
from datacatalog.settings import Settings


def check_tls(settings: Settings) -> None:
    """Make sure that the certificate and its key can be used, where they are configured.

    Raises:
        Misconfigured: one is missing or no such file, they do not belong together, or everybody may read the key.
    """
    if (tls := settings.tls) is None:
        return
    certificate, key = tls
    for name, path in (("certificate", certificate), ("key", key)):
        if not path.is_file():
            raise Misconfigured(f"gateway.tls_{name}_file: there is no file {path}")
    if stat.S_IMODE(key.stat().st_mode) & 0o007:
        raise Misconfigured(f"{key}: others can read it; run: chmod o= {key}")
    try:
        # A key that wants a password would ask the terminal for it, and a service has none.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError) as e:
        raise Misconfigured(f"gateway.tls_certificate_file, gateway.tls_key_file: {e}") from e
