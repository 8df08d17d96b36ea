"""The published settings of a MongoDB catalog, as the URL of a store.

Source: the `mongodb` section of published reactors: {"authn": URL-safe base64 of a URL, "database": name}, or
{"username", "password", "host", "port", "auth_source", "database", "replica_set"}.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from datacatalog.domain.errors import Misconfigured

KEYS = frozenset({"authn", "auth_source", "database", "host", "password", "port", "replica_set", "username"})
PORT = 27017


def url_of(said: Mapping[str, Any]) -> str:
    """Return the URL of the store that is meant.

    Raises:
        Misconfigured: a part is missing, or is none; what it holds is not told, since passwords are among them.
    """
    if "authn" in said:
        return _with_database(_decoded(said["authn"]), said.get("database"))
    host, database = _text(said, "host", "localhost"), _text(said, "database")
    port = said.get("port", PORT)
    if isinstance(port, bool) or not str(port).isdecimal():
        raise Misconfigured("mongodb.port: is no number")
    user = ""
    if "username" in said:
        user = f"{quote(_text(said, 'username'), safe='')}:{quote(_text(said, 'password'), safe='')}@"
    asked = {"authSource": said.get("auth_source"), "replicaSet": said.get("replica_set")}
    options = urlencode({name: value for name, value in asked.items() if value})
    return urlunsplit(("mongodb", f"{user}{host}:{port}", f"/{quote(database, safe='')}", options, ""))


def _decoded(authn: object) -> str:
    try:
        text = base64.b64decode(str(authn), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise Misconfigured("mongodb.authn: is no URL-safe base64 of a mongodb:// URL")
    return text


def _with_database(url: str, database: object) -> str:
    """Return a URL with the database that it is to lead to; where it names another, that one is for logging in."""
    parts = urlsplit(url)
    named = parts.path.strip("/")
    if not database and not named:
        raise Misconfigured("mongodb.database: is missing")
    if not database or database == named:
        return url
    query = parts.query
    if named and "authsource=" not in query.lower():
        query = "&".join(filter(None, [query, urlencode({"authSource": named})]))
    return urlunsplit(parts._replace(path=f"/{quote(str(database), safe='')}", query=query))


def _text(said: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or not value:
        raise Misconfigured(f"mongodb.{name}: is missing, or no text")
    return value
