"""What the tests of the schemas share: who accepts what, inlined references, documents that are nearly right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from tests.shared import shared

ACTORS = {
    "pipelines-manager": [
        f"pipeline_manager_{action}" for action in ("create", "update", "delete", "undelete", "retire")
    ],
    "jobs-manager": [
        "pipelinejob_manager_event",
        "pipelinejob_manager_delete_action",
        "agave_job_callback",
        "aloe_job_callback",
    ],
    "jobs-indexer": ["pipelinejob_index", "pipelinejob_indexed"],
    "agave-proxy": ["agave_pipelinejob"],
}
MESSAGES = sorted({name for names in ACTORS.values() for name in names} | {"pipelinejob_create"})

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def fixture(*parts: str) -> Any:
    return json.loads(shared("fixtures", "pipelinejobs", *parts).read_text("utf-8"))


def printed_in_the_documents() -> list[dict[str, Any]]:
    """Return every JSON object that the published documents of the PipelineJobs System print."""
    (page,) = shared("seeds").glob("001_*.txt")
    text, found, end = page.read_text("utf-8"), [], 0
    for brace in re.finditer(r"(?m)(?:^|[|'] ?)(\{)", text):
        if brace.start(1) < end:
            continue
        try:
            document, end = json.JSONDecoder().raw_decode(text, brace.start(1))
        except ValueError:  # shell commands with line breaks, and one example with a typing error
            continue
        found.append(document)
    return found


def inlined(schema: Any, lookup: Callable[[str], Any]) -> Any:
    """Return a schema with every reference to a sibling file replaced by what it names."""
    if isinstance(schema, list):
        return [inlined(part, lookup) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref", "#")).endswith(".json"):
        return inlined(lookup(reference.removesuffix(".json")), lookup)
    dropped = ("$id", "$schema", "examples", "default")
    return {key: inlined(part, lookup) for key, part in schema.items() if key not in dropped}


def our_schema(schemas: JsonSchemas, name: str) -> Any:
    return inlined(schemas.get(name), schemas.get)


@st.composite
def nearly_right(draw: st.DrawFn, documents: list[Any]) -> Any:
    """Draw a document with one place spoilt: a value replaced, a line break added, a field dropped or made up."""
    document = deepcopy(draw(st.sampled_from(documents)))
    holders = [document]
    for holder in holders:
        inside = holder.values() if isinstance(holder, dict) else holder
        holders.extend(part for part in inside if part and isinstance(part, dict | list))
    holder = draw(st.sampled_from(holders))
    places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    place = draw(st.sampled_from(places)) if places else None
    match draw(st.sampled_from(["replace", "break", "drop", "add"])):
        case "replace" if place is not None:
            holder[place] = draw(JSON_VALUES)
        case "break" if place is not None and isinstance(holder[place], str):
            holder[place] = draw(st.sampled_from(["{}\n", "\n{}", " {}", "{}x", "\u0660{}"])).format(
                holder[place]
            )
        case "drop" if place is not None:
            del holder[place]
        case _ if isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = draw(JSON_VALUES)
        case _:
            holder.append(draw(JSON_VALUES))
    return document
