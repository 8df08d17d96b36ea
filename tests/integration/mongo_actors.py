"""What the processes of test_mongo_log.py do; each comes to the log by itself, and some die on the way.

python -m tests.integration.mongo_actors URL count_up TIMES
"""

from __future__ import annotations

import os
import sys
import time

from datacatalog.adapters.stores.mongo.applying import Write, apply
from datacatalog.adapters.stores.mongo.client import Server
from datacatalog.adapters.stores.mongo.commits import Commits
from datacatalog.adapters.stores.mongo.log import Draft
from datacatalog.adapters.stores.mongo.overlay import change
from datacatalog.adapters.stores.mongo.session import Session

COLLECTION = "progress"
COUNTER = "counter"


def opened(url: str) -> Commits:
    return Commits(Server(url))


def number(view: Session, key: str = COUNTER) -> int:
    found = view.get(COLLECTION, key, seen=f"p:{key}")
    return 0 if found is None else int(found["n"])


def count(view: Session, key: str = COUNTER) -> int:
    counted = number(view, key) + 1
    view.put(COLLECTION, key, {"n": counted}, touched=[f"p:{key}"])
    return counted


def count_up(url: str, times: int) -> None:
    commits = opened(url)
    for _ in range(times):
        commits.write(count)
    commits.close()


def count_elsewhere(url: str, times: int) -> None:
    """Count up something that nobody else looks at, until killed or done."""
    commits = opened(url)
    for _ in range(times):
        commits.write(lambda view: count(view, f"mine.{os.getpid()}"))


def count_until_killed(url: str, acks: str) -> None:
    """Count up; note what was acknowledged."""
    commits = opened(url)
    file = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while True:
        os.write(file, f"{commits.write(count)}\n".encode())


def writes(times: int, filling: str = "") -> list[Write]:
    return [
        (COLLECTION, f"d.{each}", change("put", {"n": each, "filling": filling})) for each in range(times)
    ]


def die_after_commit(url: str, documents: int, filling: int, applied: int) -> None:
    """Append a commit of many documents; die when some of them were applied."""
    commits = opened(url)
    base, free = commits.log.free()
    draft = Draft(writes=writes(documents, "x" * filling), touched=None)
    assert commits.log.insert(base + 1, draft, free)
    apply(Server(url), base + 1, draft.writes[:applied])
    os._exit(9)


def leave_after_commit(url: str, documents: int, filling: int) -> None:
    """Append a commit of many documents, and leave it to others to apply it."""
    commits = opened(url)
    base, free = commits.log.free()
    assert commits.log.insert(base + 1, Draft(writes(documents, "x" * filling), touched=None), free)


def die_with_hold(url: str) -> None:
    commits = opened(url)
    base, free = commits.log.free()
    assert commits.log.insert(base + 1, Draft(writes=(), touched=b"", hold="dead"), free)
    os._exit(9)


def look_slowly(view: Session) -> tuple[int, int]:
    """Look at the same thing twice, with time between."""
    first = number(view)
    time.sleep(0.05)
    view.note([f"p:{COUNTER}"])
    return first, number(view)


if __name__ == "__main__":
    url, name, *values = sys.argv[1:]
    globals()[name](url, *(int(value) if value.isdigit() else value for value in values))
