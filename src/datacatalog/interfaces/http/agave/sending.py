"""Files as answers: sent piece by piece, whole or in part (RFC 9110, Range of bytes)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from datacatalog.interfaces.http.agave.entries import media_type_of
from datacatalog.interfaces.http.desk import Desk

_CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Section(NamedTuple):
    """Which bytes of a file are meant: from `start` on, `length` of them."""

    start: int
    length: int


async def sent(request: HttpRequest, desk: Desk, file: BinaryIO, path: str) -> Response:
    """Answer with the content of a file, which is closed afterwards.

    What the file is goes by its name. No browser shows it: it comes from whoever may write files.
    """
    name = path.rpartition("/")[2]
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    try:
        size = await desk.run(partial(_size, file))
        asked = _asked(request, size)
        if size is not None and asked is None:
            file.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        if size is not None and asked is not None:
            headers |= {"Accept-Ranges": "bytes", "Content-Length": str(asked.length)}
            await desk.run(partial(file.seek, asked.start))
            if asked.length < size:
                headers["Content-Range"] = f"bytes {asked.start}-{asked.start + asked.length - 1}/{size}"
    except BaseException:
        file.close()
        raise
    status = 206 if "Content-Range" in headers else 200
    if request.method == "HEAD":
        file.close()
        return Response(None, status, headers=headers, media_type=media_type_of(name))
    chunks = _chunks(desk, file, None if asked is None else asked.length)
    return StreamingResponse(chunks, status, headers=headers, media_type=media_type_of(name))


def _size(file: BinaryIO) -> int | None:
    """Return the size of an open file; None: it is known at its end only."""
    return file.seek(0, 2) if file.seekable() else None


def _asked(request: HttpRequest, size: int | None) -> Section | None:
    """Return what a request asks for: all of it, unless it names one range; None: a range that is not there."""
    if size is None:
        return None
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[0] == "bytes=-" or "if-range" in request.headers:
        return Section(0, size)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return Section(size - length, length) if length else None
    start, end = int(first), min(int(last or size), size - 1)
    if last and int(last) < start:
        return Section(0, size)
    return Section(start, end - start + 1) if start < size else None


async def _chunks(desk: Desk, file: BinaryIO, left: int | None) -> AsyncIterator[bytes]:
    try:
        while left is None or left > 0:
            wanted = _CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)
            chunk = await desk.run(partial(file.read, wanted))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk
    finally:
        file.close()
