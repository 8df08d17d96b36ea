"""Databases of their own on the MongoDB server of $DATACATALOG_TEST_MONGODB, dropped after use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
import pytest

URL = os.environ.get("DATACATALOG_TEST_MONGODB", "")
"""Without a database; empty: there is no server."""

needs_mongodb = pytest.mark.skipif(
    not URL, reason="DATACATALOG_TEST_MONGODB, the URL of a server, is not set"
)


@contextmanager
def database() -> Iterator[str]:
    """Yield the URL of a database that is not there yet."""
    name = f"datacatalog_test_{secrets.token_hex(6)}"
    base, question, options = URL.partition("?")
    try:
        yield f"{base.rstrip('/')}/{name}{question}{options}"
    finally:
        client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(URL)
        client.drop_database(name)
        client.close()
