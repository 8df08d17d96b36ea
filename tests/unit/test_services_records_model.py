"""Whatever is done to a record in whatever order, it is what a plain dictionary would be, and its log and revision agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import merged, patched
from datacatalog.services.documents import document_of
from datacatalog.services.records import delete_record, patch_record, put_record, undelete_record
from tests.unit.memory import memory

PARENTS = [TypedUuid(f"1020000{n}-0000-5000-8000-000000000000") for n in range(3)]
LINKS = st.lists(st.sampled_from(PARENTS), unique=True).map(sorted)
VALUES = st.recursive(
    st.integers(0, 2) | st.sampled_from("xy"), lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2), max_leaves=3
)  # fmt: skip
FIELDS = st.dictionaries(st.sampled_from(["note", "other"]), VALUES)
PATCHES = st.dictionaries(st.sampled_from(["note", "other"]), VALUES | st.none())
STEPS = st.lists(
    st.tuples(st.sampled_from(["merge", "replace", "drop"]), FIELDS, st.none() | LINKS)
    | st.tuples(st.just("patch"), PATCHES, st.none() | LINKS)
    | st.tuples(st.sampled_from(["delete", "undelete"]), st.just({}), st.none()),
    max_size=8,
)
START: dict[str, Any] = {"sample_id": "s", "child_of": []}


def after(step: str, said: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return what a record is to be."""
    match step:
        case "merge":
            links = sorted({*old["child_of"], *said.get("child_of", [])})
            return {**merged(old, said), "child_of": links}
        case "replace":
            return {**START, **said}
        case "patch":
            changed: dict[str, Any] = patched(old, said)
            return changed
    return old


@settings(max_examples=80)
@given(steps=STEPS)
def test_record_is_what_was_done_to_it(steps: list[tuple[str, dict[str, Any], list[str] | None]]):
    env = memory().env
    uuid = env.store.transact(lambda w: put_record(Kind.SAMPLE, START, w, env)).record.uuid
    model, visible, revision = START, True, 0
    for step, fields, links in steps:
        said = fields if links is None else {**fields, "child_of": links}
        if step in ("patch", "delete") and not visible:
            continue

        def act(work: Any, step: str = step, said: dict[str, Any] = said) -> Any:
            if step == "patch":
                return patch_record(uuid, said, work, env)
            if step == "delete":
                return delete_record(uuid, work, env)
            if step == "undelete":
                return undelete_record(uuid, work, env)
            return put_record(Kind.SAMPLE, {"sample_id": "s", **said}, work, env, strategy=step)

        wanted = after(step, said, model)
        seen = visible if step == "drop" else step != "delete"
        written = env.store.transact(act)
        same = wanted == model and seen == visible
        revision += not same
        model, visible = wanted, seen
        record = env.store.read(lambda work: work.records.get(uuid))
        assert env.store.read(lambda work, r=record: document_of(r, work)) == {"uuid": uuid, **model}
        assert (record.visible, record.revision) == (visible, revision)
        assert (written.action == "unchanged") == same
    changes = env.store.read(lambda work: work.records.changes(uuid))
    assert [change.revision for _, change in changes] == list(range(revision + 1))
