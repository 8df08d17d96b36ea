"""What the sender says cannot be used: it has to be said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from datacatalog.domain.errors.root import DatacatalogError


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


class InvalidBackup(BadMessage):
    """The file is no ledger, is damaged, or is of a newer version of this program."""

    code = "invalid-backup"


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
