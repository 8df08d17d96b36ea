"""Files and directories as Agave tells of them."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable
from itertools import chain, islice
from urllib.parse import quote

from datacatalog.domain.documents import JsonObject, published
from datacatalog.domain.paths import components, joined
from datacatalog.interfaces.http.agave.paging import Page
from datacatalog.ports.storage import Entry

Address = Callable[[Entry], str]
"""From an entry to the URL of its content: of a file its bytes, of a directory its listing."""
DIRECTORY = "text/directory"
_BYTES = "application/octet-stream"


def media_type_of(path: str) -> str:
    """Guess what a file holds from its name."""
    return mimetypes.guess_type(path)[0] or _BYTES


def listed(path: str, entries: Iterable[Entry], page: Page) -> list[Entry]:
    """Return one page of a listing; of a directory, the first entry is the directory itself, as in Agave.

    Its date is that of the newest entry of the page: storage systems need not know dates of directories.
    """
    found = iter(entries)
    first = next(found, None)
    whole = joined(components(path))
    if first is not None and first.path == whole and not first.directory:
        return page.of([first])
    rest = found if first is None else chain([first], found)
    start = max(0, page.offset - 1)
    size = page.limit - (page.offset == 0)
    part = list(islice(rest, start, start + size))
    if page.offset > 0:
        return part
    newest = max((entry.modified_ns for entry in part), default=0)
    return [Entry(whole, True, 0, newest), *part]


def shown(entry: Entry, system: str, url: Address, *, itself: str = "", writes: bool = False) -> JsonObject:
    """Return an entry as Agave shows one.

    Args:
        itself: the path that was listed; where it is a directory, it is called `.`.
        writes: whether who asks may write.
    """
    here = entry.directory and bool(itself) and entry.path == joined(components(itself))
    return {
        "name": "." if here else entry.path.rpartition("/")[2] or "/",
        "path": entry.path,
        "type": "dir" if entry.directory else "file",
        "format": "folder" if entry.directory else "raw",
        "mimeType": DIRECTORY if entry.directory else media_type_of(entry.path),
        "length": entry.size_bytes,
        "lastModified": published(entry.modified),
        "permissions": "READ_WRITE" if writes else "READ",
        "system": system,
        "_links": {"self": {"href": url(entry)}},
    }


def address(base: str, below: str = "") -> Address:
    """Return what makes URLs of entries: `base`, what there is of the entry, `below`, and its path, each name encoded."""

    def url(entry: Entry) -> str:
        return f"{base}/{'listings' if entry.directory else 'media'}{below}{quote(entry.path)}"

    return url
