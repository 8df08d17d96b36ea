"""Messages that are nearly right: good ones, with something broken in their bytes, their JSON or their URL."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

ODD_VALUES: Sequence[Any] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**63,
        -(2**63) - 1,
        1e308,
        1.5,
        "",
        " ",
        "\0",
        "null",
        "${JOB_STATUS}",
    ),
    *(
        "é",
        "\u202e",
        "\ud800",
        "a" * 5000,
        "../../etc/passwd",
        "agave://",
        "%2e%2e",
        "{",
        "[" * 300,
        "1e999",
        "NaN",
    ),
    *([], {}, [None], [[]], {"": ""}, {"message": {}}, {"$ref": "#"}, {"__proto__": 1}),
    *("FINISHED", "RUNNING", "KILLED", "create", "reset", "index", "(a+)+$", "*", "107", "sample.tacc.20001"),
)
"""What is put in the place of a value."""

ODD_NAMES = (
    "",
    "_id",
    "uuid",
    "name",
    "token",
    "data",
    "message",
    "action",
    "status",
    "event",
    "é",
    "\0",
    "x" * 300,
)
URL_NAMES = (
    "uuid",
    "event",
    "name",
    "token",
    "status",
    "state",
    "note",
    "action",
    "level",
    "run",
    "filters",
    "x",
    "",
)
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b'"',
    b",",
    b"1e999",
    b"\xef\xbb\xbf",
)
ODD_HEADERS = ("1", "2", "3", "é", "x" * 250, "application/json", "text/plain; charset=latin-1")
HEADERS = ("idempotency-key", "x-agave-delivery", "content-type", "x-request-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request, ready to be sent to an actor.

    Attributes:
        query: as it stands in the URL, without the question mark and the credential.
    """

    actor: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A message as it should be.

    Attributes:
        query: what stands in the URL.
    """

    actor: str
    body: Any
    query: Mapping[str, str] = field(default_factory=dict)


def mutated(seeds: Sequence[Good], seed: int, count: int) -> Iterator[Sent]:
    """Yield broken messages, and some that are not.

    Args:
        seed: the same seed makes the same messages.
    """
    chance = random.Random(seed)
    for _ in range(count):
        good = chance.choice(seeds)
        document = copy.deepcopy(good.body)
        for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
            document = _changed(document, chance)
        body = b"" if document is None else json.dumps(document).encode()
        for _ in range(chance.choice((0, 0, 0, 0, 1, 3))):
            body = _broken(body, chance)
        headers = _some(HEADERS, chance) if chance.random() < 0.1 else ()
        yield Sent(
            actor=good.actor,
            query=_query(good, chance),
            headers={name: chance.choice(ODD_HEADERS) for name in headers},
            body=body if chance.random() < 0.95 else b"",
        )


def _changed(document: Any, chance: random.Random) -> Any:
    """Return a document with one value, or one name, changed somewhere."""
    if not isinstance(document, dict | list) or not document or chance.random() < 0.1:
        return copy.deepcopy(chance.choice(ODD_VALUES))
    key = chance.choice(list(document)) if isinstance(document, dict) else chance.randrange(len(document))
    what = chance.random()
    if what < 0.5:
        document[key] = _changed(document[key], chance)
    elif what < 0.65:
        del document[key]
    elif what < 0.8 and isinstance(document, dict):
        document[chance.choice(ODD_NAMES)] = copy.deepcopy(chance.choice((document[key], *ODD_VALUES)))
    elif isinstance(document, dict):
        document[key] = [document[key]] if chance.random() < 0.5 else {"value": document[key]}
    else:
        document.append(copy.deepcopy(document[key]))
    return document


def _broken(body: bytes, chance: random.Random) -> bytes:
    """Return a body with some bytes changed, lost, doubled or put in."""
    at = chance.randrange(len(body) + 1)
    end = min(len(body), at + chance.randrange(1, 20))
    match chance.randrange(5):
        case 0:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 1:
            return body[:at] + body[end:]
        case 2:
            return body[:at] + body[at:end] * 2 + body[end:]
        case 3:
            return body[:at]
    return body[:at] + chance.choice(ODD_BYTES) + body[at:]


def _query(good: Good, chance: random.Random) -> str:
    """Return a message's own parameters, some lost or changed, and sometimes others besides."""
    named = {name: value for name, value in good.query.items() if chance.random() < 0.95}
    pairs = [f"{name}={quote(value)}" for name, value in named.items()]
    for name in _some(URL_NAMES, chance) if chance.random() < 0.5 else ():
        value = chance.choice(ODD_VALUES)
        text = value if isinstance(value, str) else json.dumps(value)
        shown = quote(text.encode("utf-8", "surrogatepass"), safe="") if chance.random() < 0.9 else "%ff%zz%"
        pairs += [f"{quote(name)}={shown}"] * chance.choice((1, 1, 1, 2))
    return "&".join(pairs)


def _some(names: Sequence[str], chance: random.Random) -> list[str]:
    return chance.sample(names, k=min(len(names), chance.choice((0, 0, 1, 2, 4))))
