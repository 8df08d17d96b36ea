"""New records and links, checked and made documents before anybody has to wait for their writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.domain.kinds import Relation
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series

Said = Mapping[str, Mapping[Relation, set[str]]]
"""Source -> relation -> targets."""


@dataclass(frozen=True, slots=True)
class MongoPrepared:
    """Implements ports.stores.Prepared.

    Attributes:
        records: with bodies of their own.
    """

    records: Sequence[Record]
    said: Said

    @property
    def count(self) -> int:
        return len(self.records)


def prepare(
    records: Iterable[Record], links: Iterable[Link], series: Iterable[Series], check: CheckRecord
) -> MongoPrepared:
    """Check and copy new records and links.

    Raises:
        InvalidRecord, InvalidLink.
        StaleWrite: a record was stored before.
    """
    kept = [
        replace(record, body=codec.decode(rules.text_of_new(record, check)))
        for record in rules.only_new(records)
    ]
    said: list[Iterable[Link]] = [rules.check_links(links)]
    for each in series:
        if len(each):
            kept += _records_of(each, check)
            rules.check_links(islice(each.links(), len(each.targets)))
            said.append(each.links())
    return MongoPrepared(kept, by_source(chain.from_iterable(said)))


def by_source(links: Iterable[Link]) -> dict[str, dict[Relation, set[str]]]:
    """Return what each source says."""
    said: dict[str, dict[Relation, set[str]]] = {}
    for link in links:
        said.setdefault(link.source, {}).setdefault(link.relation, set()).add(link.target)
    return said


def _records_of(series: Series, check: CheckRecord) -> list[Record]:
    """Return the records of a series; what holds for the first and the last holds for all."""
    for index in {0, len(series) - 1}:
        rules.text_of_new(series.record(index), check)
    texts = codec.texts_of_series(series.fields, series.shared, series.kind)
    for uuid in series.uuids:
        rules.check_kind(replace(series.record(0), uuid=uuid))
    first = series.record(0)
    return [
        replace(first, uuid=uuid, body=codec.decode(text))
        for uuid, text in zip(series.uuids, texts, strict=True)
    ]
