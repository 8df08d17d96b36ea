"""What is known of work under way: where it is known, what messages carry, what the log shows."""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.adapters.telemetry.carrying import (
    FIELD,
    CarryingStore,
    CarryingTransport,
    carrying,
    packed,
    unpacked,
)
from datacatalog.adapters.transport.memory import MemoryTransport
from datacatalog.bootstrap import Service, telemetry
from datacatalog.domain.errors import (
    InvalidField,
    LeaseLost,
    Misconfigured,
    NotYet,
    StoreDown,
)
from datacatalog.domain.redaction import text_without_secrets
from datacatalog.interfaces.cli import logs
from datacatalog.interfaces.cli.logs import FIELDS, OneLine, OneObject
from datacatalog.ports.telemetry import SILENT, about, facts, in_context, outcome_of, trace_of
from tests.contracts.ledgers import START, MovableClock
from tests.unit.memory import memory

JOB = "107f0a1c-0000-5000-8000-000000000001"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SECOND = timedelta(seconds=1)

words = st.sampled_from(
    ["token=abc", "the token", "x-nonce: n", '"apiKey": "k"', "--password p", "Bearer abc", "SD2E_" + "a" * 32, "https://u:secret@h/",
     "/a?b=c", "sİg=1", "ſecret=x", "plain words", "K", "107-ab", "Authorization: Basic abc", "sig=1", "&sig=2", "\n", " "]
)  # fmt: skip


# -------------------------------------------------------------------------------------------- facts


def test_facts_are_known_within_and_no_longer() -> None:
    assert facts() == {}
    with about(message_id="m", job_uuid=None, actor=""):
        with about(job_uuid=JOB):
            assert facts() == {"message_id": "m", "job_uuid": JOB}
        assert facts() == {"message_id": "m"}
    assert facts() == {}


def test_another_thread_knows_what_it_is_given() -> None:
    told: list[Mapping[str, str]] = []
    with about(message_id="m"):
        known = threading.Thread(target=in_context(lambda: told.append(facts())))
        strange = threading.Thread(target=lambda: told.append(facts()))
        for thread in (known, strange):
            thread.start()
            thread.join()
    assert told == [{"message_id": "m"}, {}]


@pytest.mark.parametrize(
    "text", ["", "00-0-0-00", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"{PARENT}-x", PARENT.upper()]
)
def test_what_is_no_traceparent_tells_nothing(text: str) -> None:
    assert trace_of(text) == {}
    assert trace_of(f" {PARENT} ") == {"traceparent": PARENT, "trace_id": TRACE}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (LeaseLost("m"), "lost"),
        (NotYet("wait"), "waiting"),
        (InvalidField("f", "bad"), "refused"),
        (StoreDown("down"), "failed"),
        (ValueError("bug"), "failed"),
    ],
)
def test_how_things_end_in_a_word(error: BaseException | None, outcome: str) -> None:
    assert outcome_of(error) == outcome


# ------------------------------------------------------------------------------- carried by messages


json_values = st.recursive(
    st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@given(
    body=st.dictionaries(st.text().filter(lambda name: name != FIELD), json_values, max_size=4),
    known=st.dictionaries(
        st.sampled_from(["message_id", "request_id", "job_uuid", "queue"]), st.text(max_size=9)
    ),
)
def test_a_body_comes_out_as_it_went_in(body: dict[str, Any], known: dict[str, str]) -> None:
    with about(**known):
        rest, carried = unpacked(packed(body))
    assert rest == body
    assert carried.items() <= known.items() | {("job_uuid", body.get("uuid"))}
    assert "queue" not in carried


def test_a_message_about_a_job_says_so_where_nobody_else_did() -> None:
    assert unpacked(packed({"uuid": JOB}))[1] == {"job_uuid": JOB}
    assert packed({"uuid": "105f0a1c-0000-5000-8000-000000000001"}).keys() == {"uuid"}


def test_what_is_sent_twice_is_known_as_such_whoever_sends_it() -> None:
    clock = MovableClock()
    whole = MemoryStore(check=lambda record: None, clock=clock)
    store, transport = carrying(whole, SILENT), CarryingTransport(MemoryTransport(whole), SILENT)
    for message in ("first", "second"):
        with about(message_id=message, traceparent=PARENT):
            store.transact(lambda work: work.outbox.send("q", {"n": 1}, id="same", at=START))
    delivery = transport.claim(["q"], lease=SECOND)
    assert delivery is not None
    assert delivery.body == {"n": 1}
    assert delivery.facts == {"message_id": "first", "traceparent": PARENT, "trace_id": TRACE}
    assert transport.claim(["q"], lease=SECOND) is None
    transport.bury(delivery, reason="no")
    assert [dead.body for dead in transport.dead()] == [{"n": 1}]
    assert not hasattr(store, "transact_each")


def test_messages_of_before_carry_nothing() -> None:
    assert unpacked({"uuid": JOB}) == ({"uuid": JOB}, {})


# ----------------------------------------------------------------------------------------------- log


@given(st.lists(words | st.text(max_size=12), max_size=6).map(" ".join))
def test_a_text_is_searched_for_secrets_wherever_there_may_be_one(text: str) -> None:
    searched = logs._NONCE.sub("…", text_without_secrets(logs._QUERY.sub("?…", text)))
    assert logs.shown(text) == searched


def record(text: str, *args: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord(
        "datacatalog.worker", logging.INFO, __file__, 1, text, args, more.get("exc_info")
    )


def test_a_line_of_json_has_what_is_known_and_no_secret() -> None:
    known = {
        name: name
        for name in FIELDS
        if name not in ("time", "level", "logger", "pid", "message", "exception")
    }
    with about(**known | {"delivery_id": "key:?token=abc", "traceparent": PARENT}):
        try:
            raise ValueError("token=abc\nsecond line")
        except ValueError:
            line = OneObject().format(record("said %s", "?token=abc&x=1\u2028", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "abc" not in line
    said = json.loads(line)
    assert said.keys() == FIELDS.keys()
    assert said["message"] == "said ?…\u2028"
    assert said["exception"].startswith("Traceback")
    assert said["exception"].endswith("second line")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["time"])
    assert (said["level"], said["logger"], said["job_uuid"]) == ("INFO", "datacatalog.worker", "job_uuid")


def test_a_line_of_text_stays_one_line() -> None:
    line = OneLine().format(record("a\nb\x1b[1m"))
    assert line.endswith(f" INFO datacatalog.worker[{os.getpid()}]: a | b\\x1b[1m")


@pytest.mark.parametrize(
    ("log", "verbose", "written"),
    [
        (None, False, ["info", "warning"]),
        ({"format": "json", "level": "warning"}, False, ["warning"]),
        ({"format": "json", "level": "warning"}, True, ["debug", "info", "warning"]),
        ({"format": "text", "level": "debug"}, False, ["debug", "info", "warning"]),
    ],
)
def test_the_level_is_as_configured_and_verbose_says_more(
    log: Mapping[str, str] | None, verbose: bool, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, root, ours = io.StringIO(), logging.getLogger(), logging.getLogger("datacatalog")
    before = (root.handlers[:], root.level, ours.level)
    monkeypatch.setattr(sys, "stderr", out)
    try:
        logs.log_to_stderr(log, verbose=verbose)
        for level in ("debug", "info", "warning"):
            getattr(logging.getLogger("datacatalog.test"), level)("this is %s", level)
        logging.getLogger("library").debug("nobody wants this")
    finally:
        root.handlers[:], level_before, ours.level = before
        root.setLevel(level_before)
        ours.setLevel(before[2])
    lines = out.getvalue().splitlines()
    assert [line.split("this is ")[1].strip('"}') for line in lines] == written
    assert all((line[0] == "{") is (log is not None and log["format"] == "json") for line in lines)


# ------------------------------------------------------------------------------------- as configured


def test_commands_load_neither_metrics_nor_traces() -> None:
    code = (
        "import sys, datacatalog.interfaces.cli.main, datacatalog.bootstrap, datacatalog.interfaces.cli.logs;"
        "print([m for m in sys.modules if m.startswith(('prometheus_client', 'opentelemetry'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_traces_that_nothing_can_make_are_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = memory().app.settings
    settings.config["tracing"] = {"endpoint": "http://127.0.0.1:4318"}
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "datacatalog.adapters.telemetry.tracing", raising=False)
    with pytest.raises(Misconfigured, match=r"datacatalog\[otel\]"):
        telemetry.build_telemetry(settings, Service("gateway", "1"))
    assert telemetry.build_telemetry(settings, None) is SILENT


def test_a_reactor_is_watched_only_where_traces_are_wanted() -> None:
    settings = memory().app.settings
    settings.config["tracing"] = {"endpoint": None}
    assert telemetry.build_telemetry(settings, Service("reactor", "1")) is SILENT


def test_what_a_store_or_a_transport_can_besides_stays_to_be_seen() -> None:
    # From Python 3.12 on, isinstance() looks for members of protocols past __getattr__.
    assert inspect.getattr_static(CarryingStore, "examine", None) is not None
    for name in ("examine", "give_word"):
        assert inspect.getattr_static(CarryingTransport, name, None) is not None
    clock = MovableClock(START)
    store = MemoryStore(check=lambda record: None, clock=clock)
    around = CarryingTransport(MemoryTransport(store), SILENT)
    assert (carrying(store, SILENT).examine(), around.examine(), around.give_word()) == ((), (), 0)
