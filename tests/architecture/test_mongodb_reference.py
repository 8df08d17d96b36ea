"""The reference of the ledger in MongoDB tells all collections and indexes there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from datacatalog.adapters.stores.mongo.layout import COLLECTIONS, Collection

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "mongodb.md"


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=lambda each: each.name)
def test_collection_and_its_indexes_are_told(collection: Collection) -> None:
    [row] = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{collection.name}` |")]
    for index in collection.indexes:
        fields = index if collection.key == "_id" else index[:1]
        assert f"`{', '.join(fields)}`" in row
