"""`datacatalog verify` as it is typed: what it prints, and how it ends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.acceptance.cli import Shell, made

OLD, NEW = b"a,b\n1,2\n", b"a,b\n1,3\n"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


@pytest.fixture
def archive(shell: Shell, request: pytest.FixtureRequest) -> tuple[str, str, Path]:
    """A job that finished and was indexed: its UUID, its archive path, and where that is."""
    job = shell.job(case=request.node.name)
    path = shell.ask("jobs", "show", job)["archive_path"]
    (root,) = (shell.home / "storage").iterdir()
    here = root / path.lstrip("/")
    for name in ("a.csv", "b.csv", "c.csv"):
        (here / name).write_bytes(OLD)
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    shell.work()
    return job, path, here


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_clean_job_ends_with_0_and_a_count(shell: Shell, archive: tuple[str, str, Path]) -> None:
    job, path, _ = archive
    assert shell.ok("verify", job) == "3 ok\n"
    assert shell.ok("verify", path) == "3 ok\n"
    lines = shell.ok("verify", path, "--verbose").splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok", "ok", "3"]
    assert lines[0].endswith(f"{path}/a.csv")
    told = shell.ask("verify", job)
    assert (told["clean"], told["findings"], told["counts"]["ok"]) == (True, [], 3)
    assert [f["what"] for f in shell.ask("verify", job, "--verbose")["findings"]] == ["ok"] * 3


def test_findings_are_told_one_a_line_and_end_with_1(shell: Shell, archive: tuple[str, str, Path]) -> None:
    job, path, here = archive
    (here / "a.csv").write_bytes(NEW)
    (here / "b.csv").unlink()
    (here / "d\x1b.csv").write_bytes(NEW)
    ran = shell.run("verify", job)
    assert (ran.status, ran.err) == (1, "")
    changed, missing, unknown, total = ran.out.splitlines()
    assert changed.startswith("changed    agave://")
    assert f"{path}/a.csv" in changed
    assert f"checksum {sha256(OLD)} -> {sha256(NEW)}" in changed
    assert missing.startswith("missing ")
    assert unknown.startswith("unknown ")
    assert unknown.endswith("d\\x1b.csv")
    assert total == "1 ok, 1 missing, 1 changed, 1 unknown"

    ran = shell.run("verify", job, "--json")
    assert ran.status == 1
    found = {f["name"].removeprefix(f"{path}/"): f for f in ran.json["findings"]}
    assert {name: f["what"] for name, f in found.items()} == {
        "a.csv": "changed", "b.csv": "missing", "d\x1b.csv": "unknown",
    }  # fmt: skip
    assert found["a.csv"]["recorded"] == {"size": len(OLD), "checksum": sha256(OLD)}
    assert found["a.csv"]["found"] == {"size": len(NEW), "checksum": sha256(NEW)}
    assert ran.json["counts"] == {
        "ok": 1, "missing": 1, "changed": 1, "unknown": 1, "unreadable": 0, "unchecked": 0, "skipped": 0,
    }  # fmt: skip


def test_sample_is_told_with_its_seed_and_can_be_taken_again(
    shell: Shell, archive: tuple[str, str, Path]
) -> None:
    job, _, _ = archive
    told = shell.ask("verify", job, "--sample", "50%")
    again = shell.ask("verify", job, "--sample", "0.5", "--seed", told["seed"], "--verbose")
    assert told["sample"] == again["sample"] == 0.5
    assert told["counts"] == again["counts"]
    line = shell.ok("verify", job, "--sample", "1e-9", "--seed", "x")
    assert line == "3 skipped; a sample of 1e-09, --seed x\n"
    assert shell.ok("verify", job, "--sample", "100%") == "3 ok\n"


@pytest.mark.parametrize("share", ["0", "2", "0%", "101%", "-1", "many", "nan", "inf", ""])
def test_share_that_is_none_is_a_usage_error(shell: Shell, share: str) -> None:
    ran = shell.run("verify", "/", f"--sample={share}")
    assert (ran.status, ran.out) == (2, "")
    assert "is no share of files" in ran.err


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ("10743391-e6b0-5dd8-aa20-cd48d4a0a7ac", (3, "unknown-record")),
        ("/nothing/here", (3, "no-such-path")),
        ("agave://nowhere/x", (2, "invalid-field")),
        ("/a/../../etc", (2, "unsafe-path")),
        ("some-text", (2, "invalid-field")),
    ],
)
def test_what_cannot_be_verified_is_an_error(shell: Shell, target: str, ends: tuple[int, str]) -> None:
    assert shell.fails("verify", target) == ends


def test_verifying_leaves_the_ledger_as_it_is(shell: Shell, archive: tuple[str, str, Path]) -> None:
    job, _, here = archive
    (here / "a.csv").unlink()
    before = json.dumps([shell.ask("files", "list", "--job", job), shell.ask("jobs", "history", job)])
    assert shell.run("verify", job).status == 1
    assert before == json.dumps([shell.ask("files", "list", "--job", job), shell.ask("jobs", "history", job)])
