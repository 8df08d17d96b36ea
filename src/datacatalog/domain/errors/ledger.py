"""What is there, or is not, does not allow this."""

from __future__ import annotations

from datacatalog.domain.errors.root import DatacatalogError


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


class UnequalCopy(Conflict):
    """A copy of a ledger does not say what the original says."""

    code = "unequal-copy"

    def __init__(self, table: str, key: str) -> None:
        self.table, self.key = table, key
        super().__init__(f"the copy differs in table {table}, first at {key}")


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


class PreconditionFailed(DatacatalogError):
    """The record is no longer, or not yet, as the request supposed."""

    code = "precondition-failed"
    http = 412
    exit = 4

    def __init__(self, uuid: str, wanted: str, found: str) -> None:
        self.uuid, self.wanted, self.found = uuid, wanted, found
        super().__init__(f"{uuid} is {found}, not {wanted}: read it again and decide anew")
