"""The collections: what their keys are, which indexes they have, and how a database gets them.

Which they are says `layout`. An index that is not the key's is never unique: that an identifier is taken once
is seen to before a commit, and a commit must be applicable in whatever order its documents come, e.g. when an identifier moves
from one record to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import IndexModel

from datacatalog.adapters.stores.mongo import published
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.layout import COLLECTIONS, Collection
from datacatalog.domain.errors import Misconfigured

VERSION = 1

NUMBER = "_n"
"""The field with the number of the commit that wrote a document."""

GONE = "_gone"
"""The field of what is left of a removed document: when it was removed."""

COMMITS = "commits"

PIECES = "commit_pieces"
"""Parts of commits that are too large for one document."""

LEDGER = "ledger"
"""Facts about the ledger itself: its schema version, copies that are being taken."""

OWN = (COMMITS, PIECES, LEDGER)


def key_field(collection: str) -> str:
    """Return the field that holds a document's key."""
    return COLLECTIONS[collection].key


def indexes(collection: Collection) -> Sequence[IndexModel]:
    """Return what a collection needs besides the index of its `_id`."""
    key = [IndexModel([(collection.key, 1)], unique=True)] if collection.key != "_id" else []
    gone = IndexModel([(GONE, 1)], sparse=True)
    return [*key, gone, *(IndexModel([(field, 1) for field in fields]) for fields in collection.indexes)]


def version_of(server: Server) -> int:
    """Return the schema version of a database; 0: it has none.

    Raises:
        Misconfigured: a newer version of this program wrote it.
        StoreDown.
    """
    with told():
        found = server.collection(LEDGER).find_one({"_id": "schema"})
    version = 0 if found is None else int(found["version"])
    if version > VERSION:
        raise Misconfigured(
            f"the ledger has schema version {version}; this program knows {VERSION} and below"
        )
    return version


def prepare(server: Server) -> None:
    """Make sure that a database can be worked on: a new one is set up, an older one brought to this version.

    Raises:
        Misconfigured: a newer version of this program wrote it; or it is a catalog that another program wrote.
        StoreDown.
    """
    version = version_of(server)
    if version == VERSION:
        return
    if version == 0 and published.is_published(server):
        raise Misconfigured(
            f"the database {server.name} has records of a catalog, but is no ledger yet: 'datacatalog db migrate' makes it one"
        )
    migrate(server)


def migrate(server: Server) -> Mapping[str, int]:
    """Bring a database to this version; what is done twice, or by two at once, does no harm.

    Returns:
        How many documents of a published catalog were converted, by collection.
    Raises:
        Misconfigured: a newer version of this program wrote it.
        InvalidRecord: it is a catalog of the published system, and not all of it is understood; nothing was changed.
        StoreDown.
    """
    converted = published.convert(server) if version_of(server) == 0 else {}
    with told():
        for collection in COLLECTIONS.values():
            server.collection(collection.name).create_indexes(list(indexes(collection)))
        server.collection(LEDGER).update_one({"_id": "schema"}, {"$max": {"version": VERSION}}, upsert=True)
    return converted
