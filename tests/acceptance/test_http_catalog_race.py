"""Writers that race for one record, at two gateways in processes of their own on one ledger."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from datacatalog.domain.kinds import Kind
from tests.acceptance.site import Site, closed, opened
from tests.harness import free_port, install, until

ROUNDS = 50


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Site]:
    site = opened(install(tmp_path / "live"))
    yield site
    closed(site)


def test_of_two_writers_at_two_gateways_exactly_one_succeeds(live: Site):
    bases = [live.catalog.url]
    live.catalog.start("serve")
    port = free_port()
    live.catalog.start("serve", "--port", str(port))
    bases.append(f"http://127.0.0.1:{port}")
    for base in bases:
        until(lambda: requests.get(f"{base}/readyz", timeout=1).ok)  # noqa: B023
    query = {"x-nonce": live.catalog.nonce}
    parent = live.catalog.hierarchy()[Kind.EXPERIMENT]
    sample = {"sample_id": "sample.race", "child_of": [parent]}
    uuid = requests.post(f"{bases[0]}/catalog/v1/samples", params=query, json=sample, timeout=30).json()
    path = f"/catalog/v1/samples/{uuid['result']['uuid']}"

    def put(base: str, turn: int, etag: str) -> int:
        body = {**sample, "turn": turn, "by": base}
        headers = {"If-Match": etag}
        answer = requests.put(f"{base}{path}", params=query, json=body, headers=headers, timeout=30)
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        for turn in range(ROUNDS):
            etag = requests.get(f"{bases[turn % 2]}{path}", params=query, timeout=30).headers["etag"]
            codes = pool.map(lambda base: put(base, turn, etag), bases * 2)  # noqa: B023
            assert sorted(codes) == [200, 412, 412, 412]
    log = requests.get(f"{bases[0]}{path}/log", params={**query, "limit": 1000}, timeout=30).json()
    assert len(log["result"]["changes"]) == ROUNDS + 1
