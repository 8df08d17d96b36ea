"""Requests over TLS: whose certificate is believed, and where."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from datacatalog.adapters.outgoing.connections import tls_context
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.bootstrap.outgoing import for_callbacks
from datacatalog.domain.errors import Unreachable
from datacatalog.settings import Secrets, Settings, shipped_config
from tests.integration.certificates import Made, make
from tests.integration.wire import Exchange, serving

HOOKS = "hooks.example.org"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("certificates"), "authority")


def ok(asked: Exchange) -> None:
    asked.say("200 OK", body=b"taco")


def hooks(port: int, *, by_name: bool = False, trusted: Made | None = None) -> tuple[WebOutgoing, str]:
    """A way out to a host of the allow-list, or to a configured one, and its URL."""
    url = f"https://{HOOKS}:{port}"
    policy = Policy(
        origins=[url] if by_name else [],
        hosts=[] if by_name else [f"{HOOKS}:{port}"],
        private_networks=["127.0.0.0/8"],
        trusted={url: str(trusted.certificate_file)} if trusted else {},
        read_timeout_s=2,
    )
    return WebOutgoing(policy, resolver=lambda host: ["127.0.0.1"]), url


@pytest.mark.parametrize("by_name", [True, False])
def test_server_is_known_by_its_name_not_by_its_address(authority: Made, by_name: bool) -> None:
    asked_for = []
    tls = make(authority.folder, "server", names=(HOOKS,), by=authority).serving()
    tls.sni_callback = lambda sock, name, context: asked_for.append(name)
    with serving(ok, tls=tls) as wire:
        out, url = hooks(wire.port, by_name=by_name, trusted=authority)
        assert [out.send("GET", url).body for _ in range(3)] == [b"taco"] * 3
        assert wire.connections == 1
    assert asked_for == [HOOKS]
    assert wire.came[0].headers["host"] == f"{HOOKS}:{wire.port}"


@pytest.mark.parametrize(
    ("names", "days", "says"),
    [
        (("other.example.org",), 1, "Hostname mismatch"),
        (("127.0.0.1",), 1, "Hostname mismatch"),
        (("*.org",), 1, "Hostname mismatch"),
        ((HOOKS,), -1, "certificate has expired"),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_certificate_of_another_name_or_time_is_not_believed(
    authority: Made, names: tuple[str, ...], days: int, says: str, by_name: bool
) -> None:
    made = make(authority.folder, "wrong", names=names, by=authority, days=days)
    with serving(ok, tls=made.serving()) as wire:
        out, url = hooks(wire.port, by_name=by_name, trusted=authority)
        with pytest.raises(
            Unreachable, match=f"{HOOKS}:{wire.port}: its certificate is not believed: {says}"
        ):
            out.send("POST", f"{url}/canary", body=b"secret")
    assert wire.came == []


def test_certificate_of_an_unknown_authority_is_not_believed(authority: Made) -> None:
    made = make(authority.folder, "server", names=(HOOKS,), by=authority)
    with serving(ok, tls=made.serving()) as wire:
        out, url = hooks(wire.port)
        with pytest.raises(Unreachable, match="not believed"):
            out.send("GET", url)
    assert wire.came == []


def test_servers_own_certificate_can_be_trusted(tmp_path: Path) -> None:
    made = make(tmp_path, "itself", names=("127.0.0.1", "localhost"))
    with serving(ok, tls=made.serving()) as wire:
        policy = Policy(origins=[wire.url], trusted={f"{wire.url}/catalog": str(made.certificate_file)})
        assert WebOutgoing(policy).send("GET", wire.url).body == b"taco"


def test_part_of_a_chain_can_be_trusted_without_its_authority(authority: Made) -> None:
    made = make(authority.folder, "leaf", names=("127.0.0.1",), by=authority)
    with serving(ok, tls=made.serving()) as wire:
        policy = Policy(origins=[wire.url], trusted={wire.url: str(made.certificate_file)})
        assert WebOutgoing(policy).send("GET", wire.url).body == b"taco"


def test_trust_in_one_origin_is_none_in_another(tmp_path: Path) -> None:
    made = make(tmp_path, "itself", names=("127.0.0.1",))
    with serving(ok, tls=made.serving()) as one, serving(ok, tls=made.serving()) as other:
        policy = Policy(origins=[one.url, other.url], trusted={one.url: str(made.certificate_file)})
        out = WebOutgoing(policy)
        assert out.send("GET", one.url).ok
        with pytest.raises(Unreachable, match="not believed"):
            out.send("GET", other.url)


def test_gateway_with_a_certificate_of_its_own_can_be_called_back(tmp_path: Path) -> None:
    made = make(tmp_path, "itself", names=("127.0.0.1",))
    config = shipped_config()
    with serving(ok, tls=made.serving()) as gateway, serving(ok, tls=made.serving()) as other:
        config["gateway"] |= {"url": f"{gateway.url}/", "tls_certificate_file": made.certificate_file.name}
        config["platform"]["callbacks_to"] = [other.url]
        keys = Secrets(token_key="t", administrator_key="a")
        out = for_callbacks(Settings(home=tmp_path, config=config, secrets=keys))
        assert out.send("POST", f"{gateway.url}/actors/v2/jobs-manager/messages").ok
        with pytest.raises(Unreachable, match="not believed"):
            out.send("POST", other.url)


def test_authorities_of_the_system_are_believed_too(authority: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(authority.folder, "server", names=(HOOKS,), by=authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate_file))
    tls_context.cache_clear()
    with serving(ok, tls=made.serving()) as wire:
        out, url = hooks(wire.port)
        assert out.send("GET", url).ok
    tls_context.cache_clear()


def test_certificate_file_that_is_none_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for file in ("no.pem", "none.pem"):
        url = "https://127.0.0.1:1"
        out = WebOutgoing(Policy(origins=[url], trusted={url: str(tmp_path / file)}))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
            out.send("GET", url)


def test_answer_over_tls_has_the_same_deadline(tmp_path: Path) -> None:
    def script(asked: Exchange) -> None:
        asked.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        asked.drip(b"x" * 500, every_s=0.02)

    made = make(tmp_path, "itself", names=("127.0.0.1",))
    with serving(script, tls=made.serving()) as wire:
        policy = Policy(
            origins=[wire.url], trusted={wire.url: str(made.certificate_file)}, total_timeout_s=0.3
        )
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="in time"):
            WebOutgoing(policy).send("GET", wire.url)
        assert time.monotonic() - begun < 4


def test_handshake_that_takes_its_time_is_left_after_the_timeout() -> None:
    def drip(listening: socket.socket) -> None:
        with listening.accept()[0] as sock, suppress(OSError):
            # A TLS record that is announced, and then comes byte by byte.
            for byte in b"\x16\x03\x03\x40\x00" + b"x" * 500:
                sock.send(bytes([byte]))
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="in time"):
            WebOutgoing(Policy(origins=[url], connect_timeout_s=0.3)).send("GET", url)
        assert time.monotonic() - begun < 4
        thread.join()
