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
        "tapis_job_callback",
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


def documents_of(schema: Any) -> st.SearchStrategy[Any]:
    """Return values that mostly fit a schema without references; the keywords that our schemas use are known."""
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema and not {"type", "properties"} & schema.keys():
        return st.one_of([documents_of(form) for form in schema["anyOf"]])
    types = schema.get("type", "object" if "properties" in schema or "required" in schema else None)
    if types is None:
        return JSON_VALUES
    return st.one_of([_of_type(one, schema) for one in ([types] if isinstance(types, str) else types)])


def _of_type(wanted: str, schema: Any) -> st.SearchStrategy[Any]:
    match wanted:
        case "object":
            return _objects(schema)
        case "array":
            items = documents_of(schema.get("items", {}))
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=3)
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"])
        case "string" if schema.get("format") == "uri":
            return st.sampled_from(
                ["https://leaves.example.org/1", "agave://system/leaf", "amqp://h/v", "leaf", ""]
            )
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))
        case "integer":
            return st.integers()
        case "number":
            return st.integers() | st.floats(allow_nan=False)
        case "boolean":
            return st.booleans()
    return st.none()


def _objects(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: documents_of(inner) for name, inner in schema.get("properties", {}).items()}
    needed = {name: fields.pop(name, JSON_VALUES) for name in schema.get("required", [])}
    known = st.fixed_dictionaries(needed, optional=fields)
    if schema.get("additionalProperties") is False:
        return known
    more = st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=2)
    return st.builds(lambda extra, said: {**extra, **said}, more, known)


@st.composite
def nearly_right(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """Draw a document with one place spoilt: a value replaced, a line break added, a field dropped or made up."""
    document = deepcopy(draw(documents))
    if not isinstance(document, dict | list):
        return draw(st.just(f"{document}\n") | JSON_VALUES)
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
