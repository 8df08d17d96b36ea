"""`datacatalog pipelines`."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.cli import PIPELINE, Shell, made


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


def test_pipeline_is_registered_once_and_its_token_not_shown(shell: Shell) -> None:
    document = json.dumps({**PIPELINE, "id": "tests/once:1"})
    first = shell.ask("pipelines", "create", "-", stdin=document)
    again = shell.ask("pipelines", "create", "-", stdin=document)
    assert first == {"uuid": first["uuid"], "created": True}
    assert again == {"uuid": first["uuid"], "created": False}


def test_pipeline_is_shown_by_uuid_and_by_id(shell: Shell) -> None:
    uuid = shell.pipeline(id="tests/shown:1")
    document = shell.ask("pipelines", "show", "tests/shown:1")
    assert document == shell.ask("pipelines", "show", uuid.upper())
    assert (document["uuid"], document["name"]) == (uuid, "Taco")
    assert [key for key in document if key.startswith("_") or key == "token"] == []


def test_token_of_a_pipeline_is_printed_where_it_is_asked_for(shell: Shell) -> None:
    uuid = shell.pipeline(id="tests/token:1")
    token = shell.ok("pipelines", "show", uuid, "--token").strip()
    assert len(token) == 17
    assert shell.ask("pipelines", "show", uuid, "--token") == {"uuid": uuid, "token": token}


def test_update_changes_what_is_given_and_replace_everything(shell: Shell) -> None:
    uuid = shell.pipeline(id="tests/update:1", description="old")
    shell.ok("pipelines", "update", uuid, "-", stdin='{"name": "Burrito"}')
    document = shell.ask("pipelines", "show", uuid)
    assert (document["name"], document["description"]) == ("Burrito", "old")
    whole = json.dumps({**PIPELINE, "id": "tests/update:1", "name": "Wrap"})
    shell.ok("pipelines", "update", "tests/update:1", "-", "--replace", stdin=whole)
    document = shell.ask("pipelines", "show", uuid)
    assert document["name"] == "Wrap"
    assert "description" not in document


def test_update_that_changes_components_or_shows_a_wrong_token_is_refused(shell: Shell) -> None:
    uuid = shell.pipeline(id="tests/refused:1")
    change = '{"name": "Burrito"}'
    words = ("pipelines", "update", uuid, "-")
    assert shell.fails(*words, "--token", "x" * 17, stdin=change) == (77, "invalid-token")
    assert shell.fails(*words, stdin='{"components": [{"id": "other"}]}') == (2, "invalid-field")
    assert shell.fails(*words, stdin="{") == (2, "invalid-json")
    assert shell.ask("pipelines", "show", uuid)["name"] == "Taco"
    token = shell.ok("pipelines", "show", uuid, "--token").strip()
    assert shell.ask(*words, "--token", token, stdin=change)["uuid"] == uuid


def test_retired_pipeline_takes_no_jobs_until_it_is_restored(shell: Shell) -> None:
    uuid = shell.pipeline(id="tests/retired:1")
    shell.ok("pipelines", "retire", uuid)
    assert uuid not in {p["uuid"] for p in shell.ask("pipelines", "list")}
    [hidden] = [p for p in shell.ask("pipelines", "list", "--all") if p["uuid"] == uuid]
    assert hidden["hidden"] is True
    assert shell.fails("jobs", "create", "--pipeline", uuid) == (4, "not-in-service")
    shell.ok("pipelines", "restore", uuid)
    assert uuid in {p["uuid"] for p in shell.ask("pipelines", "list")}
    assert shell.ask("jobs", "create", "--pipeline", uuid)["created"] is True


def test_list_goes_on_where_the_page_before_ended(shell: Shell) -> None:
    for n in range(3):
        shell.pipeline(id=f"tests/page:{n}")
    everything = [p["uuid"] for p in shell.ask("pipelines", "list")]
    [first, second] = [p["uuid"] for p in shell.ask("pipelines", "list", "--limit", "2")]
    rest = [p["uuid"] for p in shell.ask("pipelines", "list", "--after", second)]
    assert [first, second, *rest] == everything
