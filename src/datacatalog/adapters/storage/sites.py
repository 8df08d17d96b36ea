"""What the files services of Agave and Tapis have in common: listings in pages, uploads as forms, the ways to say no."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote

from datacatalog.adapters.remote.answers import PAGE, objects, paged
from datacatalog.adapters.remote.conversation import Conversation
from datacatalog.adapters.remote.listings import Listed, read_listed
from datacatalog.adapters.storage.tree import Found, Sort
from datacatalog.adapters.streams import Counted, as_file
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Conflict, DatacatalogError, NoSuchPath, Refused, Unavailable
from datacatalog.domain.paths import joined
from datacatalog.ports.storage import Names

MISSING = NoSuchPath("it is not there")

_PIECE_BYTES = 256 * 1024
_SORTS = {"file": Sort.FILE, "dir": Sort.DIRECTORY}


@contextmanager
def refusals() -> Iterator[None]:
    """Raise as OSErrors what a service refuses, and what is wrong with it."""
    try:
        yield
    except NoSuchPath as error:
        raise FileNotFoundError(0, "is not there") from error
    except Conflict as error:
        raise FileExistsError(0, str(error)) from error
    except Refused as error:
        raise PermissionError(0, str(error)) from error
    except Unavailable as error:
        raise ConnectionError(0, str(error)) from error
    except DatacatalogError as error:
        raise OSError(0, str(error)) from error


class Listings:
    """Listings of one service."""

    def __init__(self, service: Conversation, url: Callable[[Names], str], *, size: str) -> None:
        """
        Args:
            url: from a path to where it is listed, below the base URL.
            size: name of the field that tells how long a file is.
        """
        self._service, self._url, self._size = service, url, size

    def find(self, names: Names) -> Found:
        """Return what is at a path: listings of directories tell what is in them, those of files the file."""
        with refusals():
            listed = [self._read(one) for one in objects(self._page(names, 0, 2), "a listing")]
        if listed and listed[0].name == ".":
            return Found(".", Sort.DIRECTORY, 0, listed[0].modified_ns)
        if len(listed) == 1 and _is_at(listed[0], names):
            return _found(listed[0])._replace(name=names[-1])
        return Found(".", Sort.DIRECTORY)

    def entries(self, names: Names) -> Iterator[Found]:
        with refusals():
            for one in paged(lambda offset: self._page(names, offset, PAGE), "a listing"):
                listed = self._read(one)
                if listed.name != ".":
                    yield _found(listed)

    def _page(self, names: Names, offset: int, limit: int) -> Any:
        return self._service.get(self._url(names), MISSING, query={"limit": limit, "offset": offset})

    def _read(self, one: JsonObject) -> Listed:
        return read_listed(one, "an entry of a listing", size=self._size)


@contextmanager
def downloaded(service: Conversation, path: str) -> Iterator[Iterator[bytes]]:
    """Open what is answered there, piece by piece."""
    with refusals():
        content = service.open(path, MISSING)
    with closing(content):
        yield _pieces(content)


def uploaded(
    service: Conversation, path: str, source: BinaryIO, *, file: str, fields: Mapping[str, str], name: str
) -> int:
    """Send a file as a form; return its size in bytes.

    Args:
        file: name of the field that holds it.
        fields: further ones, which stand before it.
        name: what the file is said to be called.
    """
    boundary, counted = secrets.token_hex(16), Counted(source)
    body = as_file(_form(boundary, counted, file, fields, name), lambda: None)
    with refusals():
        service.upload(
            path, body, MISSING, place="path", content_type=f"multipart/form-data; boundary={boundary}"
        )
    return counted.size_bytes


def quoted(names: Names) -> str:
    """Return a path as it stands in a URL, with a slash before each name."""
    return "".join(f"/{quote(name, safe='')}" for name in names)


def _form(boundary: str, source: Counted, file: str, fields: Mapping[str, str], name: str) -> Iterator[bytes]:
    for field, value in fields.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    # As browsers write names, which may hold anything: HTML, "Multipart form data".
    plain = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{file}"; filename="{plain}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    while piece := source.read(_PIECE_BYTES):
        yield piece
    yield f"\r\n--{boundary}--\r\n".encode()


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    with refusals():
        while piece := content.read(_PIECE_BYTES):
            yield piece


def _is_at(listed: Listed, names: Names) -> bool:
    """Tell whether an entry is what was listed, and not what is in it; its path may be told from further up."""
    path, said = joined(names), f"/{listed.path.strip('/')}"
    return listed.type != "dir" and said.endswith(path) and not said.endswith(f"{path}/{listed.name}")


def _found(listed: Listed) -> Found:
    name = listed.name.rstrip("/") if listed.type == "dir" else listed.name
    return Found(name, _SORTS.get(listed.type, Sort.OTHER), listed.size_bytes, listed.modified_ns)
