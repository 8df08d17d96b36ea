"""Uploads: a form with one file, which goes to disk as it comes, and is gone where it does not come whole."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import BadMessage, ConflictingFields, InvalidField, StorageDown, TooLarge
from datacatalog.interfaces.http.agave.definitions import FILE
from datacatalog.interfaces.http.agave.multipart import Multipart, Part, boundary_of
from datacatalog.interfaces.http.desk import Desk
from datacatalog.interfaces.http.reading import number

_FIELD_MAX_BYTES = 65_536
_FIELDS = frozenset({"fileName", "fileType", "callbackURL", "notifications"})


class Upload:
    """One file that was sent; used as a context, after which nothing is left of it.

    Attributes:
        content: all of it, from its beginning.
        file_name: what it is to be called; a path, of some clients.
    """

    def __init__(self, content: BinaryIO) -> None:
        self.content = content
        self.file_name = ""

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.content.close()


class Uploads:
    """Takes uploads in."""

    def __init__(self, desk: Desk) -> None:
        config = desk.app.settings.config
        gateway: dict[str, Any] = config["gateway"]
        self._desk = desk
        self._max: int = gateway["max_upload_bytes"]
        self._wait_s: float = gateway["request_timeout_s"]
        self._folder = desk.app.settings.path(config["platform"]["work"])

    async def received(self, request: HttpRequest) -> Upload:
        """Read a form with a file.

        Raises:
            BadMessage: it is no such form, or is cut off; nothing is kept.
            TooLarge, StorageDown.
        """
        if number(request.headers.get("content-length", "0")) > self._max:
            raise TooLarge(self._max)
        form = Multipart(boundary_of(request))
        upload = Upload(await self._desk.run(partial(_spool, self._folder)))
        try:
            reader = _Reader(upload)
            async for chunk in self._chunks(request):
                for event in form.feed(chunk):
                    if (content := reader.take(event)) is not None:
                        await self._desk.run(partial(_write, upload.content, content))
            form.close()
            reader.close()
            await self._desk.run(partial(upload.content.seek, 0))
        except BaseException:
            upload.content.close()
            raise
        return upload

    async def _chunks(self, request: HttpRequest) -> AsyncIterator[bytes]:
        """Yield the body, up to the limit; each piece has the deadline that a whole body has elsewhere."""
        size, stream = 0, request.stream()
        while True:
            try:
                async with asyncio.timeout(self._wait_s):
                    chunk = await anext(stream, None)
            except TimeoutError:
                raise BadMessage("the upload did not go on in time") from None
            if chunk is None:
                return
            size += len(chunk)
            if size > self._max:
                raise TooLarge(self._max)
            yield chunk


class _Reader:
    """Sorts what a form holds: content of the file, and fields."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._fields: dict[str, bytearray] = {}
        self._current: str | None = None

    def take(self, event: Part | bytes) -> bytes | None:
        """Return what is content of the file.  Raises BadMessage."""
        if isinstance(event, Part):
            self._begin(event)
            return None
        if self._current == FILE:
            return event
        field = self._fields[self._current or ""]
        field += event
        if len(field) > _FIELD_MAX_BYTES:
            raise InvalidField(self._current or "", f"is longer than {_FIELD_MAX_BYTES} bytes")
        return None

    def _begin(self, part: Part) -> None:
        if part.name != FILE and part.name not in _FIELDS:
            raise InvalidField(
                part.name[:80], f"is no field of an upload; {FILE}, {', '.join(sorted(_FIELDS))}"
            )
        if part.name in self._fields:
            raise ConflictingFields(part.name)
        self._current = part.name
        self._fields[part.name] = bytearray()
        if part.name == FILE:
            self._upload.file_name = part.file_name or ""

    def close(self) -> None:
        """Settle what the file is called.  Raises BadMessage."""
        if FILE not in self._fields:
            raise InvalidField(FILE, "is missing from the form")
        for name in ("callbackURL", "notifications"):
            if self._fields.get(name):
                raise InvalidField(name, "an upload is done once it is answered; nobody is called back")
        try:
            self._upload.file_name = self._fields.get("fileName", b"").decode() or self._upload.file_name
        except UnicodeDecodeError as e:
            raise InvalidField("fileName", "is not UTF-8") from e


def _spool(folder: Path) -> BinaryIO:
    """Open a file without a name, so that nothing is left of it however this process ends.  Raises StorageDown."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as e:
        raise StorageDown(f"uploads cannot be taken in: {e.strerror}") from e


def _write(file: BinaryIO, content: bytes) -> None:
    try:
        file.write(content)
    except OSError as e:
        raise StorageDown(f"uploads cannot be taken in: {e.strerror}") from e
