"""The few requests to a bucket that a storage system is made of. Everything raises OSError."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from datacatalog.domain.errors import MissingExtra
from datacatalog.domain.paths import shown

PART_BYTES = 16 * 1024 * 1024
"""How much of a file is sent at once; files that are longer are sent in parts."""

PARTS_OF_A_SIZE = 2000
"""After so many parts they get twice as long: 10,000 are allowed, which makes almost 1 TB in all."""

COPY_BYTES = 5 * 1024**3
"""The largest object that is copied by one request; larger ones are copied in parts of this size."""

PAGE_KEYS = 1000
"""How many keys are listed or deleted by one request; there cannot be more."""

# XML has no such characters, or reads them as others.
_NO_XML = re.compile("[\x00-\x1f\x7f-\x9f\u2028\ufffe\uffff]")

_PIECE_BYTES = 256 * 1024
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})


class Item(NamedTuple):
    """An object, or (`size_bytes` is None) what keys that go on after a slash have in common.

    Attributes:
        modified_s: whole seconds, since not all answers tell more.
        mark: a number made of the ETag.
    """

    key: str
    size_bytes: int | None = None
    modified_s: int = 0
    mark: int = 0


class Bucket:
    """One bucket. Keys are as S3 has them, whatever is in them."""

    def __init__(
        self,
        name: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        keys: Mapping[str, str] | None = None,
        timeout_s: float = 30,
        page_keys: int = PAGE_KEYS,
    ) -> None:
        """Nothing is asked, and no library loaded, before the first request.

        Args:
            keys: `access_key_id`, `secret_access_key` and, of temporary ones, `session_token`; without, those that the
                environment or the machine has.
            timeout_s: how long the server may keep silent.
        Raises MissingExtra.
        """
        if find_spec("botocore") is None:
            raise MissingExtra("botocore", "s3")
        self._name, self._page_keys = name, page_keys
        self._endpoint_url, self._region, self._keys = endpoint_url, region, dict(keys or {})
        self._timeout_s = timeout_s

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        # Servers that are not Amazon's know buckets by path, and not all of the checksums.
        own = {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"}
        return Session().create_client(
            "s3",
            endpoint_url=self._endpoint_url,
            region_name=self._region,
            aws_access_key_id=self._keys.get("access_key_id"),
            aws_secret_access_key=self._keys.get("secret_access_key"),
            aws_session_token=self._keys.get("session_token"),
            config=Config(
                connect_timeout=self._timeout_s,
                read_timeout=self._timeout_s,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=16,
                **(own if self._endpoint_url else {}),
            ),
        )

    def find(self, key: str) -> Item | None:
        """Return an object, or None."""
        try:
            answer = self._ask("head_object", Key=key)
        except FileNotFoundError:
            return None
        return _item(key, answer["ContentLength"], answer["LastModified"], answer["ETag"])

    def items(self, prefix: str, *, after: str = "", grouped: bool = False, limit: int = 0) -> Iterator[Item]:
        """Yield the objects whose keys begin so, in the order of their keys.

        Args:
            after: only keys that are greater.
            grouped: keys that go on after the next slash come as one.
            limit: how many are wanted; 0: all.
        """
        asked: dict[str, Any] = {"Prefix": prefix, "MaxKeys": limit or self._page_keys}
        asked |= {"StartAfter": after} if after else {}
        asked |= {"Delimiter": "/"} if grouped else {}
        while True:
            answer = self._ask("list_objects_v2", **asked)
            found = [
                _item(one["Key"], one["Size"], one["LastModified"], one["ETag"])
                for one in answer.get("Contents", ())
            ]
            found += [Item(one["Prefix"]) for one in answer.get("CommonPrefixes", ())]
            yield from sorted(found)
            if limit or not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    @contextmanager
    def read(self, key: str) -> Iterator[tuple[Item, Iterator[bytes]]]:
        """Open an object; what is read is of that very state of it."""
        answer = self._ask("get_object", Key=key)
        body = answer["Body"]
        try:
            yield (
                _item(key, answer["ContentLength"], answer["LastModified"], answer["ETag"]),
                _pieces(body),
            )
        finally:
            body.close()

    def put(self, key: str, content: bytes, *, new: bool = False) -> None:
        """Write a small object.  Raises FileExistsError: `new`, and the key is taken, where the server tells."""
        try:
            self._ask("put_object", Key=key, Body=content, **({"IfNoneMatch": "*"} if new else {}))
        except OSError as error:
            if not new or error.errno != errno.EOPNOTSUPP:
                raise
            self._ask("put_object", Key=key, Body=content)

    def write(self, key: str, source: BinaryIO) -> None:
        """Write an object of any size; there is nothing of it before all of it is there."""
        first = _part(source, PART_BYTES)
        if len(first) < PART_BYTES:
            self.put(key, first)
            return
        with self._upload(key) as (upload, parts):
            while first:
                number = len(parts) + 1
                answer = self._ask("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=first)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
                first = _part(source, PART_BYTES << len(parts) // PARTS_OF_A_SIZE)

    def copy(self, key: str, to: str, size_bytes: int) -> None:
        source = {"Bucket": self._name, "Key": key}
        if size_bytes <= COPY_BYTES:
            self._ask("copy_object", Key=to, CopySource=source)
            return
        with self._upload(to) as (upload, parts):
            for begin in range(0, size_bytes, COPY_BYTES):
                number, end = len(parts) + 1, min(begin + COPY_BYTES, size_bytes) - 1
                answer = self._ask(
                    "upload_part_copy",
                    Key=to,
                    UploadId=upload,
                    PartNumber=number,
                    CopySource=source,
                    CopySourceRange=f"bytes={begin}-{end}",
                )
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, whether they are there or not."""
        coming = self._deleted_singly(keys)
        while batch := [{"Key": key} for key in islice(coming, self._page_keys)]:
            answer = self._ask("delete_objects", Delete={"Objects": batch, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise OSError(errno.EIO, f"{shown(str(error.get('Key')))}: {shown(str(error.get('Code')))}")

    def _deleted_singly(self, keys: Iterable[str]) -> Iterator[str]:
        """Remove those that cannot be written in XML; yield the others."""
        for key in keys:
            if _NO_XML.search(key):
                self._ask("delete_object", Key=key)
            else:
                yield key

    @contextmanager
    def _upload(self, key: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Send an object in parts; what breaks off leaves nothing."""
        upload, parts = self._ask("create_multipart_upload", Key=key)["UploadId"], list[dict[str, Any]]()
        try:
            yield upload, parts
            self._ask("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with suppress(OSError):
                self._ask("abort_multipart_upload", Key=key, UploadId=upload)
            raise

    def _ask(self, request: str, **values: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, request)(Bucket=self._name, **values)
            return answer
        except ClientError as error:
            raise _meant(error.response.get("Error", {})) from error
        except BotoCoreError as error:
            raise ConnectionError(0, f"bucket {self._name}: {type(error).__name__}") from error


def _meant(error: Mapping[str, Any]) -> OSError:
    code = str(error.get("Code"))
    if code in _GONE:
        return FileNotFoundError(errno.ENOENT, "is not there")
    if code in _TAKEN:
        return FileExistsError(errno.EEXIST, "is there")
    if code == "NotImplemented":
        return OSError(errno.EOPNOTSUPP, "the server cannot do that")
    if code in {"403", "AccessDenied"}:
        return PermissionError(errno.EACCES, "access denied")
    return OSError(errno.EIO, f"{shown(code)}: {shown(str(error.get('Message')))}")


def _item(key: str, size_bytes: int, modified: datetime, etag: str) -> Item:
    mark = int.from_bytes(hashlib.sha256(etag.encode()).digest()[:6])
    return Item(key, size_bytes, int(modified.astimezone(UTC).timestamp()), mark)


def _pieces(body: Any) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError

    try:
        while piece := body.read(_PIECE_BYTES):
            yield piece
    except BotoCoreError as error:
        raise ConnectionError(0, f"the answer broke off: {type(error).__name__}") from error


def _part(source: BinaryIO, size_bytes: int) -> bytes:
    """Read so much, or up to the end: one read may give less than that."""
    pieces, left = [], size_bytes
    while left and (piece := source.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
