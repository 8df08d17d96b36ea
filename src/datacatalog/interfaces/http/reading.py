"""Reading what a request says besides its body: URL parameters, headers, numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import BadCredentials, ConflictingFields, InvalidField

DELIVERY_HEADERS = ("idempotency-key", "x-agave-delivery")
DELIVERY_ID_MAX = 200
LIMIT_MAX = 1000


_ONES_OWN_BITS = 64
"""Of an IPv6 address: who has one has all the others of its network."""


def source(request: HttpRequest) -> str:
    """Return whom a request comes from: an address, of IPv6 its network."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _ONES_OWN_BITS), strict=False))


def bearer(request: HttpRequest) -> str | None:
    """Return the bearer token of a request.  Raises BadCredentials where the header holds something else."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentials("the Authorization header")
    return token.strip()


def context(request: HttpRequest) -> dict[str, str]:
    """Return the URL parameters, each once.

    Raises:
        ConflictingFields: one is given twice, with different values.
        InvalidField: one holds what cannot be kept.
    """
    return context_in(request.scope["query_string"])


def context_in(query: bytes) -> dict[str, str]:
    """Do as `context` for the query string of a URL."""
    if b"%" in query or not query.isascii():
        _check_text(query)
    found: dict[str, str] = {}
    for key, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if "\0" in key + value:
            raise InvalidField(key, "a NUL character cannot be kept")
        if found.setdefault(key, value) != value:
            raise ConflictingFields(key)
    return found


def parameters(request: HttpRequest, *known: str) -> dict[str, str]:
    """Return the URL parameters without the nonce, each once, and none but these.

    Raises:
        ConflictingFields, InvalidField.
    """
    found = context(request)
    found.pop("x-nonce", None)
    for name in found:
        if name not in known:
            raise InvalidField(name, f"is no parameter here; one of {', '.join(known) or 'none'}")
    return found


def _check_text(query: bytes) -> None:
    """Refuse parameters that are no UTF-8, in place of which there would be U+FFFD."""
    try:
        unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError as e:
        raise InvalidField("query", f"byte {e.start} of the URL parameters is not UTF-8") from None


def delivery_id(request: HttpRequest, *headers: str) -> str | None:
    """Return the request's own id, by which a repeat of it is recognized; from these headers, or from the usual ones."""
    for header in headers or DELIVERY_HEADERS:
        if value := request.headers.get(header):
            if len(value) > DELIVERY_ID_MAX:
                raise InvalidField(header, f"is longer than {DELIVERY_ID_MAX} characters")
            return f"{header}:{value}"
    return None


def first_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers as a server hands them over, their names in lower case; of those given twice, the first."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found.setdefault(name, value)
    return found


def delivery_id_in(headers: Mapping[bytes, bytes]) -> str | None:
    """Do as `delivery_id` for what `first_headers` returned."""
    for header in DELIVERY_HEADERS:
        if value := headers.get(header.encode()):
            if len(value) > DELIVERY_ID_MAX:
                raise InvalidField(header, f"is longer than {DELIVERY_ID_MAX} characters")
            return f"{header}:{value.decode('latin-1')}"
    return None


def limit(text: str) -> int:
    """Read the number of items on a page.  Raises InvalidField."""
    if not 1 <= (read := number(text)) <= LIMIT_MAX:
        raise InvalidField("limit", f"must be a number from 1 to {LIMIT_MAX}")
    return read


def number(text: str) -> int:
    """Return the natural number that a text is, or -1; all beyond 18 digits are alike."""
    return int(text[:18]) if text.isascii() and text.isdigit() else -1


def flag(name: str, text: str | None) -> bool:
    """Read `true` or `false`; not given is false.  Raises InvalidField."""
    if text not in (None, "true", "false"):
        raise InvalidField(name, "must be true or false")
    return text == "true"
