"""A dump holds what was there at one moment, whatever is written meanwhile."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from datacatalog.bootstrap import build_app
from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.services.dumping import json_lines
from datacatalog.services.records import put_record
from datacatalog.settings import load
from tests.acceptance.cli import made
from tests.integration.mongo_databases import database, needs_mongodb


def test_records_that_are_written_during_a_dump_are_not_in_it(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    rows = "".join(f"sample.tacc.{n}\n" for n in range(1500))
    shell.ok("load", "-", stdin="sample_id\n" + rows)
    app = build_app(load(shell.config, environ={}))

    def put(number: int) -> None:
        document = {"sample_id": f"sample.tacc.late{number}"}
        app.env.store.transact(lambda work: put_record(Kind.SAMPLE, document, work, app.env))

    def body(work: Any) -> str:
        lines = []
        for number, line in enumerate(json_lines(list(SPECS), work)):
            lines.append(line)
            if number % 500 == 0:
                writer = threading.Thread(target=put, args=(number,))
                writer.start()
                writer.join()
        return "".join(lines)

    try:
        during = app.env.store.read(body)
    finally:
        app.close()
    assert (during.count("\n"), "late" in during) == (1500, False)
    assert shell.ok("dump").count("late") == 3


@needs_mongodb
@pytest.mark.service
def test_dump_on_mongodb_tells_every_record_once_while_others_write(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    with database() as url:
        config = yaml.safe_load(shell.config.read_text())
        shell.config.write_text(yaml.safe_dump({**config, "store": {"url": url}}))
        rows = "".join(f"sample.tacc.{n}\n" for n in range(150))
        shell.ok("load", "-", stdin="sample_id\n" + rows)
        app = build_app(load(shell.config, environ={}))
        over = threading.Event()

        def keep_writing() -> None:
            for number in itertools.count():
                if over.is_set():
                    return
                document = {"sample_id": f"sample.tacc.late{number}"}
                app.env.store.transact(partial(put_record, Kind.SAMPLE, document, env=app.env))

        writer = threading.Thread(target=keep_writing)
        writer.start()
        try:
            lines = shell.ok("dump").splitlines()
        finally:
            over.set()
            writer.join()
            app.close()
    assert len(lines) == len(set(lines)) >= 150
