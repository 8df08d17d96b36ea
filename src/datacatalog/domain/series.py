"""Many new records that are alike: what is the same in all of them is said once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """New records of one kind that differ in a few fields alone, as the files of one archive do.

    It stands for `records` and `links`, and costs a fraction of them where there are thousands.

    Attributes:
        uuids: of the records, shape (n,), each once.
        fields: name -> what the field is in each of them, shape (n,): all texts, or all whole numbers of 64 bits.
        shared: the fields that are the same in all.
        salt, admin: as of each Record.
        targets: what each of them is linked to; a record that is its own target is not.
    """

    kind: Kind
    uuids: Sequence[TypedUuid]
    fields: Mapping[str, Sequence[str] | Sequence[int]]
    shared: JsonObject
    salt: str
    admin: Mapping[str, str]
    targets: Sequence[tuple[Relation, TypedUuid]] = ()

    def __len__(self) -> int:
        return len(self.uuids)

    def record(self, index: int) -> Record:
        body = {name: values[index] for name, values in self.fields.items()}
        return Record(
            kind=self.kind,
            uuid=self.uuids[index],
            body={**body, **self.shared},
            salt=self.salt,
            admin=self.admin,
        )

    def records(self) -> Iterator[Record]:
        return map(self.record, range(len(self)))

    def links(self) -> Iterator[Link]:
        for uuid in self.uuids:
            for relation, target in self.targets:
                if target != uuid:
                    yield Link(source=uuid, relation=relation, target=target)
