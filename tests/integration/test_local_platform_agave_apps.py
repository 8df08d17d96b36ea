"""Apps in Agave's words on the local platform: registered while it runs, deployed from storage, run by bash."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.platforms.local.registry import Apps
from datacatalog.domain.errors import Duplicate, InvalidField, NotSupported, UnknownRecord
from tests.integration.platform_bench import SYSTEM, Bench, bench

SCRIPT = """
set -eu
cat "$table" > copied.txt
echo "files: ${more:-}" > said.txt
printf '%s|' ${column} ${quiet} "${note}" >> said.txt
cat helper/words.txt >> said.txt
echo "${AGAVE_JOB_NAME}" >> said.txt
"""

TABLE: dict[str, Any] = {
    "name": "table",
    "version": "1.0",
    "label": "Reads a table",
    "shortDescription": "An app as tenants have them",
    "executionSystem": "local",
    "executionType": "CLI",
    "deploymentPath": "apps/table-1.0",
    "templatePath": "wrapper.sh",
    "testPath": "helper/words.txt",
    "defaultMaxRunTime": "00:01:00",
    "inputs": [
        {"id": "table", "value": {"required": True}, "semantics": {"maxCardinality": 1}},
        {
            "id": "more",
            "value": {"required": False},
            "details": {"argument": "-f ", "showArgument": True, "repeatArgument": True},
            "semantics": {"maxCardinality": -1},
        },
    ],
    "parameters": [
        {
            "id": "column",
            "value": {
                "type": "enumeration",
                "enum_values": [{"volume": "V"}, {"mass": "M"}],
                "default": "volume",
            },
            "details": {"argument": "--column=", "showArgument": True},
        },
        {"id": "quiet", "value": {"type": "flag", "default": False}, "details": {"argument": "--quiet"}},
        {"id": "note", "value": {"type": "string", "default": "", "validator": "[^!]*"}},
    ],
    "outputs": [],
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, "http://127.0.0.1:9") as made:
        made.put("/apps/table-1.0/wrapper.sh", SCRIPT)
        made.put("/apps/table-1.0/helper/words.txt", "helped\n")
        made.platform = registering(made)
        yield made


def registering(here: Bench, *, registration: bool = True) -> LocalPlatform:
    return here.make_platform(here.store, registration=registration)


def test_job_of_an_agave_app_runs_its_script_beside_its_folder_and_its_inputs(here: Bench) -> None:
    app = here.platform.register(TABLE, owner="ada")
    assert (app["id"], app["deploymentSystem"]) == ("table-1.0", SYSTEM)
    inputs = {
        "table": here.put("/in/t.csv", "1,2\n"),
        "more": [here.put("/in/a", "A"), here.put("/in/b", "B")],
    }
    job = submit(here, inputs, {"column": "mass", "quiet": True, "note": "$(touch broken); `id` \"'"})
    assert here.status(job) == "FINISHED", here.platform.history(job)[-1].note
    assert here.archived()["copied.txt"] == "1,2\n"
    assert here.archived()["said.txt"] == (
        "files: -f a -f b\n--column=mass|--quiet|$(touch broken); `id` \"'|helped\na job\n"
    )
    assert {"wrapper.sh", "t.csv", "broken"}.isdisjoint(here.archived())
    assert here.platform.job(job).detail["inputs"] == {name: uris(each) for name, each in inputs.items()}


def uris(value: Any) -> list[str]:
    return [f"agave://{SYSTEM}{path}" for path in (value if isinstance(value, list) else [value])]


def submit(here: Bench, inputs: dict[str, Any], parameters: dict[str, Any] | None = None) -> str:
    definition = {
        "appId": "table-1.0",
        "name": "a job",
        "inputs": inputs,
        "parameters": parameters or {},
        "archive": True,
        "archivePath": "/products/v2/archive",
    }
    job = here.platform.submit(definition, key="a table").id
    here.work()
    return job


def test_what_is_not_given_is_empty(here: Bench) -> None:
    here.platform.register(TABLE, owner="ada")
    submit(here, {"table": here.put("/in/t.csv", "1,2\n")})
    assert here.archived()["said.txt"] == "files: \n--column=volume||helped\na job\n"


def test_two_inputs_of_one_name_fail_with_the_reason(here: Bench) -> None:
    here.platform.register(TABLE, owner="ada")
    inputs = {"table": here.put("/in/t.csv", "1"), "more": [here.put("/other/t.csv", "2")]}
    job = submit(here, inputs)
    assert here.platform.history(job)[-1].note.endswith("two files are called t.csv")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"column": "length"}, "parameters/column: is none of volume, mass"),
        ({"quiet": "yes"}, "parameters/quiet: is not of type bool"),
        ({"note": "Stop!"}, "parameters/note: does not fit"),
        ({"_deployment": "/x"}, "parameters/_deployment: is none of"),
    ],
)
def test_value_that_an_agave_app_does_not_take_is_refused(
    here: Bench, parameters: dict[str, Any], reason: str
) -> None:
    here.platform.register(TABLE, owner="ada")
    with pytest.raises(InvalidField, match=reason):
        submit(here, {"table": "/in/t.csv"}, parameters)
    with pytest.raises(InvalidField, match="inputs/_deployment: is none of table, more"):
        submit(here, {"table": "/in/t.csv", "_deployment": "/in"})


def test_registered_app_is_known_to_every_process_and_private_on_disk(here: Bench) -> None:
    here.platform.register(TABLE, owner="ada")
    other = registering(here, registration=False)
    assert other.app("table-1.0")["templatePath"] == "wrapper.sh"
    assert "table-1.0" in other.apps()
    files = [path for path in (here.folder / "platform" / "apps").iterdir() if path.suffix == ".json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]


def test_app_in_our_own_words_is_registered_and_replaced_by_its_owner_alone(here: Bench) -> None:
    ours = {"id": "say-1.0", "command": ["/bin/echo", "{parameters.word}"], "parameters": {"word": {}}}
    here.platform.register(ours, owner="ada")
    here.platform.register({**ours, "label": "Says"}, owner="ada")
    assert here.platform.app("say-1.0")["label"] == "Says"
    with pytest.raises(Duplicate, match=r"'say-1\.0' is taken"):
        here.platform.register(ours, owner="eve")
    with pytest.raises(Duplicate, match=r"'run-1\.0' is taken"):
        here.platform.register({**ours, "id": "run-1.0"}, owner="ada")


def test_nothing_is_registered_unless_the_settings_allow_it(here: Bench) -> None:
    with pytest.raises(NotSupported, match=r"platform\.registration"):
        registering(here, registration=False).register(TABLE, owner="ada")
    with pytest.raises(UnknownRecord):
        here.platform.app("table-1.0")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "ta ble"}, "name: wants"),
        ({"id": "other-1.0"}, "id: is not table-1.0"),
        ({"executionSystem": "elsewhere"}, "executionSystem: is not local"),
        ({"deploymentSystem": "elsewhere"}, "deploymentSystem: elsewhere is no storage system"),
        ({"deploymentPath": "apps/../.."}, "deploymentPath: '..' is not allowed"),
        ({"templatePath": "../wrapper.sh"}, "templatePath: '..' is not allowed"),
        ({"templatePath": "none.sh"}, "templatePath: there is no file agave://"),
        ({"templatePath": ""}, "command: is missing"),
        ({"modules": ["load python"]}, "modules: there are none"),
        ({"inputs": [{"id": "PATH"}]}, "inputs/0/id: PATH means something to the shell"),
        ({"inputs": [{"id": "_dc_word"}]}, "inputs/0/id: _dc_word means something"),
        ({"inputs": [{"id": "a b"}]}, "inputs/0/id: 'a b' is no name"),
        ({"parameters": [{"id": "table"}]}, "parameters: table is an input"),
        ({"parameters": [{"id": "x", "value": {"type": "text"}}]}, "parameters/0/value/type: is none"),
        ({"parameters": [{"id": "x", "value": {"validator": "("}}]}, "parameters/0/value/validator"),
        ({"shell": True}, "unknown key 'shell'"),
    ],
)
def test_agave_app_that_cannot_run_here_is_refused_with_place_and_reason(
    here: Bench, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidField, match=reason):
        here.platform.register({**TABLE, **changes}, owner="ada")
    assert "table-1.0" not in here.platform.apps()


def test_app_file_that_is_written_later_needs_no_restart(tmp_path: Path) -> None:
    apps = Apps(tmp_path)
    (tmp_path / "say-1.0.json").write_text('{"id": "say-1.0", "command": ["/bin/true"]}')
    assert (apps.ids(), apps.get("say-1.0").id) == (["say-1.0"], "say-1.0")
    (tmp_path / "say-1.0.json").unlink()
    with pytest.raises(UnknownRecord):
        apps.get("say-1.0")
    with pytest.raises(UnknownRecord):
        apps.get("../say-1.0")
