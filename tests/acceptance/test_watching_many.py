"""Several gateway processes on one socket tell what they all counted, whichever is asked."""

from __future__ import annotations

import re
from pathlib import Path

import requests

from tests.harness import install


def test_any_of_several_gateways_tells_what_all_of_them_counted(tmp_path: Path) -> None:
    catalog = install(
        tmp_path / "home", gateway={"processes": 2, "metrics_open": True}, worker={"metrics_port": 0}
    )
    try:
        job = catalog.job()
        catalog.start("up")
        catalog.wait_ready()
        body = {"uuid": job.job.uuid, "name": "run", "token": job.token}
        for _ in range(20):
            assert catalog.post("jobs-manager", body).status_code == 200

        def counted(text: str) -> float:
            found = re.search(
                r'^datacatalog_messages_total\{actor="jobs-manager",outcome="ok"\} (\S+)$', text, re.M
            )
            return float(found[1]) if found else 0

        answers = [requests.get(f"{catalog.url}/metrics", timeout=10).text for _ in range(6)]
        assert {counted(text) for text in answers} == {20.0}
        assert all('datacatalog_jobs{state="RUNNING"} 1.0' in text for text in answers)
    finally:
        catalog.stop_all()
        catalog.app.close()
