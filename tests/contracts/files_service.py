"""The files services of an Agave and of a Tapis tenant, on this machine: both serve what a storage in memory holds."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.adapters.storage.memory import MemorySystem
from datacatalog.domain.errors import AlreadyExists, DatacatalogError, NoSuchPath
from datacatalog.domain.paths import components
from datacatalog.ports.storage import Entry, Names

TOKEN = "a-made-up-token"
_AGAVE = re.compile(r"/files/v2/(listings|media)/system/([^/]+)(.*)")
_TAPIS = re.compile(r"/v3/files/(ops|content)/([^/]+)(.*)")


class FilesService(ThreadingHTTPServer):
    """A running service.

    Attributes:
        listing: where it is not None, what every listing says instead of the truth.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.systems: dict[str, MemorySystem] = {}
        self.listing: list[dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def conversation(self, header: str, scheme: str = "") -> Conversation:
        outgoing = WebOutgoing(Policy(origins=[self.url]))
        return Conversation(outgoing, self.url, Fixed(TOKEN), header=header, scheme=scheme)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def files_service() -> Iterator[FilesService]:
    service = FilesService()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


class _Wrong(Exception):
    """A request that the documents do not know."""


class _Handler(BaseHTTPRequestHandler):
    server: FilesService
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *values: object) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        try:
            body = self._body()
        except (ValueError, OSError):  # it broke off: nothing of it counts
            self.close_connection = True
            return
        try:
            self._answer(200, self._result(body))
        except NoSuchPath as error:
            self._answer(404, None, str(error))
        except _Wrong as error:
            self._answer(400, None, str(error))
        except AlreadyExists as error:
            self._answer(400, None, str(error))
        except DatacatalogError as error:
            self._answer(500, None, str(error))

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  names of the library

    def _result(self, body: bytes) -> Any:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        for pattern, header, value in (
            (_AGAVE, "Authorization", f"Bearer {TOKEN}"),
            (_TAPIS, "X-Tapis-Token", TOKEN),
        ):
            if found := pattern.fullmatch(parts.path):
                if self.headers[header] != value:
                    raise _Wrong("the token is not valid")
                what, system, path = found.groups()
                names = tuple(unquote(name) for name in path.split("/") if name)
                answer = self._agave if pattern is _AGAVE else self._tapis
                return answer(what, self.server.systems[system], names, query, body)
        raise _Wrong(f"no such operation: {self.path}")

    def _agave(
        self, what: str, held: MemorySystem, names: Names, query: Mapping[str, str], body: bytes
    ) -> Any:
        match self.command, what:
            case "GET", "listings":
                return [
                    _agave_entry(name, one) for name, one in self._listed(held, names, query, itself=True)
                ]
            case "GET", "media":
                return held.open(names).read()
            case "POST", "media":
                form = self._form(body)
                held.put((*names, form["fileName"].decode()), io.BytesIO(form["fileToUpload"]))
                return {}
            case "PUT", "media":
                order = json.loads(body)
                if order["action"] == "mkdir":
                    held.make_directory((*names, *components(f"/{order['path']}")))
                elif order["action"] == "move":
                    held.move(names, components(order["path"]))
                return {}
            case "DELETE", "media":
                held.delete(names)
                return {}
        raise _Wrong(f"{self.command} {what}")

    def _tapis(
        self, what: str, held: MemorySystem, names: Names, query: Mapping[str, str], body: bytes
    ) -> Any:
        match self.command, what:
            case "GET", "ops":
                return [
                    _tapis_entry(name, one) for name, one in self._listed(held, names, query, itself=False)
                ]
            case "GET", "content":
                return held.open(names).read()
            case "POST", "ops" if not names:
                held.make_directory(components("/" + json.loads(body)["path"]))
                return None
            case "POST", "ops":
                held.put(names, io.BytesIO(self._form(body)["file"]))
                return None
            case "PUT", "ops":
                order = json.loads(body)
                if order["operation"] != "MOVE" or not order["newPath"].startswith("/"):
                    raise _Wrong("no such move")
                held.move(names, components(order["newPath"]))
                return None
            case "DELETE", "ops":
                held.delete(names)
                return None
        raise _Wrong(f"{self.command} {what}")

    def _listed(
        self, held: MemorySystem, names: Names, query: Mapping[str, str], *, itself: bool
    ) -> list[tuple[str, Entry]]:
        """Return a page of a listing; of a directory, the first is the directory, where that is wanted."""
        path = "/" + "/".join(names)
        found = [(one.path.rpartition("/")[2], one) for one in held.list(names, limit=10**6)]
        if itself and not (len(found) == 1 and found[0][1].path == path):
            found.insert(0, (".", Entry(path, True, 0, 0)))
        offset = int(query.get("offset", 0))
        return found[offset : offset + int(query["limit"])]

    def _form(self, body: bytes) -> dict[str, bytes]:
        kind, _, boundary = self.headers["Content-Type"].partition("; boundary=")
        if kind != "multipart/form-data":
            raise _Wrong("no form")
        fields = {}
        *parts, last = body.split(f"--{boundary}".encode())
        if last != b"--\r\n":
            raise _Wrong("the form is cut off")
        for part in parts[1:]:
            head, _, content = part.partition(b"\r\n\r\n")
            name = re.search(rb'; name="([^"]*)"', head)
            assert name is not None
            fields[name[1].decode()] = content.removesuffix(b"\r\n")
        return fields

    def _body(self) -> bytes:
        """Read the body, which may come in chunks.  Raises ValueError: it breaks off."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, result: Any, message: str | None = None) -> None:
        if self.server.listing is not None and isinstance(result, list):
            result = self.server.listing
        content = result
        if not isinstance(result, bytes):
            told = "success" if status < 400 else "error"
            content = json.dumps({"status": told, "message": message, "result": result}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _agave_entry(name: str, entry: Entry) -> dict[str, Any]:
    return {
        "name": name,
        "path": entry.path,
        "type": "dir" if entry.directory else "file",
        "format": "folder" if entry.directory else "raw",
        "length": entry.size_bytes,
        "lastModified": entry.modified.isoformat(),
        "permissions": "ALL",
    }


def _tapis_entry(name: str, entry: Entry) -> dict[str, Any]:
    return {
        "name": name,
        "path": entry.path.lstrip("/"),
        "type": "dir" if entry.directory else "file",
        "size": entry.size_bytes,
        "lastModified": entry.modified.isoformat().replace("+00:00", "Z"),
        "nativePermissions": "rwxr-xr-x",
    }
