"""Every error raised on purpose, sorted by whose turn it is to act.

    DatacatalogError                                                 HTTP  exit  again?
    |- BadMessage      InvalidMessage, InvalidJson, InvalidField     400   2     never
    |- Unauthenticated MissingCredentials, BadCredentials             401   77    never
    |- Refused         InvalidToken, ReservedEvent, NotClearable      403   77    never
    |- NotFound        UnknownRecord, UnknownActor                    404   3     never
    |- Conflict        IllegalTransition, StaleWrite, Duplicate       409   4     after reading anew
    |- PreconditionFailed                                             412   4     after reading anew
    |- TooLarge, UnsupportedMedia                                413, 415   2     never
    |- Throttled                                                      429   75    later
    |- Unavailable     StoreDown, PlatformDown, StorageDown           503   75    later, with backoff
    `- Misconfigured                                                  500   78    after mending config.yml

`code` is for programs and never changes; the text is for people. `complaints` names places: each has
`path` (JSON pointer, or a field name) and `message`, and `schema` where one was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar


class DatacatalogError(Exception):
    """Root of all errors raised on purpose."""

    code: ClassVar[str] = "error"
    http: ClassVar[int] = 500
    exit: ClassVar[int] = 1
    retry: ClassVar[bool] = False

    @property
    def complaints(self) -> list[dict[str, str]]:
        """Places and reasons, for programs; empty where the text says it all."""
        return []


# ------------------------------------------------------------------------------------------- 400


class BadMessage(DatacatalogError):
    """The message cannot be used as it is."""

    code = "bad-message"
    http = 400
    exit = 2


class InvalidJson(BadMessage):
    """The bytes are not the strict JSON that is accepted here."""

    code = "invalid-json"

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason, self.path = reason, path
        where = f"{path}: " if path else ""
        super().__init__(f"not acceptable as JSON: {where}{reason}")

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [{"path": self.path, "message": self.reason}]


class InvalidTable(BadMessage):
    """The bytes are not the CSV that is accepted here."""

    code = "invalid-table"


class NotLoaded(BadMessage):
    """Several records of a file cannot be loaded."""

    code = "not-loaded"

    def __init__(self, found: Sequence[tuple[str, str]], before: int) -> None:
        """`found`: [(place, reason), ...]; `before`: how many records of the last file are in all the same."""
        self.found, self.before = list(found), before
        places = "; ".join(f"{place}: {reason}" for place, reason in self.found[:3])
        super().__init__(f"{len(self.found)} errors ({before} records of the last file are in): {places}")

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [{"path": place, "message": reason} for place, reason in self.found]


class InvalidMessage(BadMessage):
    """The document fits none of the schemas that were tried."""

    code = "invalid-message"

    def __init__(self, complaints: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """`complaints`: schema name -> [(JSON pointer, reason), ...]."""
        self.by_schema = {name: list(found) for name, found in complaints.items()}
        parts = [
            f"{name}: " + "; ".join(f"{path or '/'}: {reason}" for path, reason in found[:3])
            for name, found in self.by_schema.items()
        ]
        super().__init__("fits none of the accepted schemas: " + " | ".join(parts))

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [
            {"schema": name, "path": path or "/", "message": reason}
            for name, found in self.by_schema.items()
            for path, reason in found
        ]


class InvalidField(BadMessage):
    """One field has a value that cannot be used."""

    code = "invalid-field"

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [{"path": self.field, "message": self.reason}]


class ConflictingFields(InvalidField):
    """Two places of one request give different values for one field."""

    code = "conflicting-fields"

    def __init__(self, field: str) -> None:
        super().__init__(field, "is given twice, with different values")


class InvalidRecord(BadMessage):
    """A document of the catalog does not fit its own schema."""

    code = "invalid-record"

    def __init__(self, schema: str, found: Sequence[tuple[str, str]]) -> None:
        self.schema, self.found = schema, list(found)
        places = "; ".join(f"{path or '/'}: {reason}" for path, reason in self.found[:5])
        super().__init__(f"does not fit {schema}: {places}")

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [{"schema": self.schema, "path": p or "/", "message": m} for p, m in self.found]


class MixedLinkage(InvalidField):
    """A linkage list mixes levels, e.g. a sample and a measurement."""

    code = "mixed-linkage"


class InvalidLink(InvalidField):
    """A record of this kind may not carry this link."""

    code = "invalid-link"


class InvalidPattern(InvalidField):
    """A filter is no regular expression that can be searched safely."""

    code = "invalid-pattern"


class UnsafePath(InvalidField):
    """A path leaves the place it must stay in."""

    code = "unsafe-path"


class TooLarge(BadMessage):
    """The body is longer than `gateway.max_body_bytes`."""

    code = "too-large"
    http = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"body is larger than {limit_bytes} bytes")


class UnsupportedMedia(BadMessage):
    """The body is not called what it has to be."""

    code = "unsupported-media"
    http = 415

    def __init__(self, given: str, wanted: Sequence[str]) -> None:
        self.given, self.wanted = given, tuple(wanted)
        what = f"{given!a:.80} is not understood" if given else "is missing"
        super().__init__(f"Content-Type {what}; send {' or '.join(wanted)}")

    @property
    def complaints(self) -> list[dict[str, str]]:
        return [{"path": "Content-Type", "message": str(self)}]


# ------------------------------------------------------------------------------------- 401 and 403


class Unauthenticated(DatacatalogError):
    """Nobody who may do this was recognised."""

    code = "unauthenticated"
    http = 401
    exit = 77


class MissingCredentials(Unauthenticated):
    """Neither a bearer token nor a nonce was shown."""

    code = "missing-credentials"

    def __init__(self) -> None:
        super().__init__("send 'Authorization: Bearer <token>' or the URL parameter x-nonce")


class BadCredentials(Unauthenticated):
    """What was shown is unknown, expired or used up."""

    code = "bad-credentials"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not valid here")


class Refused(DatacatalogError):
    """The sender is known and may not do this."""

    code = "refused"
    http = 403
    exit = 77


class InsufficientCredentials(Refused):
    """The nonce or bearer token is good, but of too low a level, or opens another actor."""

    code = "insufficient-credentials"

    @classmethod
    def level(cls, what: str, has: str, wanted: str) -> InsufficientCredentials:
        return cls(f"{what} is of level {has}; this takes {wanted}")

    @classmethod
    def actor(cls, what: str, opens: str) -> InsufficientCredentials:
        return cls(f"{what} opens {opens} alone")


class InvalidToken(Refused):
    """The token is neither the update token of this document nor an administrative one."""

    code = "invalid-token"

    def __init__(self, uuid: str = "") -> None:
        self.uuid = uuid
        super().__init__(f"the token does not authorize this for {uuid or 'this document'}")


class MissingToken(Refused):
    """The message carries no token, and needs one."""

    code = "missing-token"

    def __init__(self) -> None:
        super().__init__("a token is required: field 'token' or URL parameter token=")


class InvalidAdminToken(Refused, ValueError):
    """Not an administrative token, or an expired one."""

    code = "invalid-admin-token"

    def __init__(self) -> None:
        super().__init__("an administrative token that is not older than 30 seconds is required")


class ReservedEvent(Refused):
    """Only the catalog itself writes this event."""

    code = "reserved-event"

    def __init__(self, event: str) -> None:
        super().__init__(f"event '{event}' is reserved to the catalog itself")


class NotClearable(Refused):
    """The archive path does not lie below a prefix of `storage.clearable`."""

    code = "not-clearable"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is outside the places that may be cleared")


# ------------------------------------------------------------------------------------- 404 and 409


class NotFound(DatacatalogError):
    """What was named does not exist."""

    code = "not-found"
    http = 404
    exit = 3


class UnknownRecord(NotFound):
    """The catalog has no such record, or it is hidden."""

    code = "unknown-record"

    def __init__(self, reference: str, kind: str = "record") -> None:
        self.reference, self.kind = reference, kind
        super().__init__(f"unknown {kind}: {reference}")


class UnknownActor(NotFound):
    """No actor has this name, id or alias."""

    code = "unknown-actor"

    def __init__(self, actor: str) -> None:
        super().__init__(f"unknown actor: {actor}")


class NoSuchPath(NotFound):
    """There is nothing at this path of a storage system."""

    code = "no-such-path"

    def __init__(self, uri: str) -> None:
        super().__init__(f"no such file or directory: {uri}")


class ForbiddenTarget(Refused):
    """A request would go where this installation's requests may not go."""

    code = "forbidden-target"


class NotGranted(Refused):
    """A record is another tenant's, which granted no such leave."""

    code = "not-granted"


class NotSupported(Refused):
    """This platform, or this storage system, does not do that."""

    code = "not-supported"


class Conflict(DatacatalogError):
    """What is there already does not allow this."""

    code = "conflict"
    http = 409
    exit = 4


class IllegalTransition(Conflict):
    """The lifecycle does not allow this event in the present state of the job."""

    code = "illegal-transition"

    def __init__(self, job: str, state: str, event: str) -> None:
        self.job, self.state, self.event = job, state, event
        super().__init__(f"job {job} is {state} and cannot '{event}'")


class StaleWrite(Conflict):
    """The record changed since it was read."""

    code = "stale-write"
    retry = True

    def __init__(self, uuid: str) -> None:
        super().__init__(f"{uuid} was changed by someone else since it was read")


class Duplicate(Conflict):
    """An identifier that must be unique is taken."""

    code = "duplicate"

    def __init__(self, field: str, value: str) -> None:
        self.field, self.value = field, value
        super().__init__(f"{field} '{value}' is taken")


class AlreadyExists(Conflict):
    """It is there already, or was done before."""

    code = "already-exists"


class NotInService(Conflict):
    """The pipeline was retired, disabled or deleted."""

    code = "not-in-service"

    def __init__(self, pipeline: str) -> None:
        super().__init__(f"pipeline {pipeline} is out of service; its token can enable it")


class ChangedContent(Conflict):
    """A file is no longer what its checksum in the catalog says."""

    code = "changed-content"

    def __init__(self, uri: str, recorded: str, found: str) -> None:
        self.uri, self.recorded, self.found = uri, recorded, found
        super().__init__(f"{uri} has changed: its checksum is {found}, the catalog has {recorded}")


class GivenUp(Conflict):
    """A message was claimed as often as is allowed, and its worker died each time."""

    code = "given-up"

    def __init__(self, tries: int) -> None:
        super().__init__(f"given up after {tries} tries that were cut off")


class LeaseLost(Conflict):
    """Another worker took over this message; nothing of this attempt may be written."""

    code = "lease-lost"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"the lease on message {message_id} was lost")


# -------------------------------------------------------------------------- 412, 429, 500 and 503


class PreconditionFailed(DatacatalogError):
    """The record is no longer, or not yet, as the request supposed."""

    code = "precondition-failed"
    http = 412
    exit = 4

    def __init__(self, uuid: str, wanted: str, found: str) -> None:
        self.uuid, self.wanted, self.found = uuid, wanted, found
        super().__init__(f"{uuid} is {found}, not {wanted}: read it again and decide anew")


class Throttled(DatacatalogError):
    """Too many wrong credentials came from one address; right ones are let in meanwhile."""

    code = "throttled"
    http = 429
    exit = 75
    retry = True

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"too many wrong credentials; wait {wait.total_seconds():.0f} s")


class Unavailable(DatacatalogError):
    """Something that is needed does not work now."""

    code = "unavailable"
    http = 503
    exit = 75
    retry = True


class NotYet(Unavailable):
    """Something else has to be done before; waiting for it counts as no try.

    Args:
        after: when to look again; None: soon.
    """

    code = "not-yet"

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(reason)


class StoreDown(Unavailable):
    """The ledger cannot be read or written now."""

    code = "store-down"


class StorageDown(Unavailable):
    """A storage system cannot be read or written now."""

    code = "storage-down"


class Unreachable(Unavailable):
    """A server elsewhere did not answer, or not as it should."""

    code = "unreachable"


class PlatformDown(Unavailable):
    """The platform, or a server it calls back, cannot be reached now."""

    code = "platform-down"


class Misconfigured(DatacatalogError):
    """config.yml, secrets.json or the environment cannot be used as they are."""

    code = "misconfigured"
    exit = 78


class MissingExtra(Misconfigured):
    """Something was asked for that needs further packages."""

    code = "missing-extra"

    def __init__(self, module: str, extra: str) -> None:
        self.module, self.extra = module, extra
        super().__init__(
            f"{module} is not installed; this needs the extra: pip install 'datacatalog[{extra}]'"
        )
