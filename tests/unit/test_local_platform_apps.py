from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.platforms.local.registry import Apps
from datacatalog.adapters.platforms.local.templates import Template
from datacatalog.domain.errors import Misconfigured, UnknownRecord
from tests.shared import REPOSITORY

ECHO: dict[str, Any] = {
    "id": "echo-1.0",
    "label": "Says what it is given",
    "command": ["/bin/echo", "{parameters.text}", "{inputs.files}"],
    "inputs": {"files": {"required": False, "multiple": True}},
    "parameters": {"text": {"type": "string", "required": True}, "times": {"type": "integer", "default": 1}},
    "environment": {"TIMES": "{parameters.times}"},
    "max_run_time": "00:01:00",
}

names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def written(folder: Path, document: Any, name: str = "echo-1.0.yml") -> Path:
    (folder / name).write_text(yaml.safe_dump(document))
    return folder


# --------------------------------------------------------------------------------------- registration


def test_app_files_of_all_kinds_are_registered_by_name(tmp_path: Path) -> None:
    written(tmp_path, {**ECHO, "id": "echo-2.0"}, "echo-2.0.yaml")
    (tmp_path / "echo-3.0.json").write_text(json.dumps({**ECHO, "id": "echo-3.0"}))
    (tmp_path / "notes.txt").write_text("not an app")
    assert Apps(written(tmp_path, ECHO)).ids() == ["echo-1.0", "echo-2.0", "echo-3.0"]


def test_shipped_example_apps_can_be_registered() -> None:
    assert "changepoint-1.0.0" in Apps(REPOSITORY / "examples" / "apps").ids()


def test_folder_that_is_not_there_registers_nothing(tmp_path: Path) -> None:
    assert Apps(tmp_path / "none").ids() == []


def test_app_that_is_not_registered_is_unknown() -> None:
    with pytest.raises(UnknownRecord, match="unknown app: echo-9"):
        Apps({"echo-1.0": ECHO}).get("echo-9")


def test_app_is_described_as_agave_describes_one() -> None:
    described = Apps({"echo-1.0": ECHO}).get("echo-1.0").described()
    assert (described["id"], described["name"], described["version"]) == ("echo-1.0", "echo", "1.0")
    assert described["defaultMaxRunTime"] == "00:01:00"
    assert [one["id"] for one in described["inputs"]] == ["files"]
    assert described["parameters"][1] == {
        "id": "times",
        "value": {"type": "integer", "default": 1, "required": False},
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "echo"}, "id: wants name-version"),
        ({"id": "other-1.0"}, "id: other-1.0 is registered under another name, echo-1.0"),
        ({"shell": True}, "has the unknown key 'shell'"),
        ({"command": "echo {parameters.text}"}, "command: wants a list"),
        ({"command": []}, "command: wants a list"),
        ({"command": ["echo", 3]}, r"command\[1\]: wants a text"),
        ({"command": ["echo", "{parameters.txt}"]}, r"command\[1\]: {parameters.txt} is none of {python}, "),
        ({"command": ["echo", "{text}"]}, r"command\[1\]: {text} is none of"),
        ({"command": ["echo", "{"]}, r"command\[1\]: { at character 1"),
        ({"command": ["echo", "{}"]}, r"command\[1\]: {} at character 1"),
        ({"command": ["{parameters.text}"]}, r"command\[0\]: cannot depend on a job"),
        ({"command": ["{folder}/x"]}, r"command\[0\]: {folder} is none of"),
        ({"command": ["echo", "-f={inputs.files}"]}, r"command\[1\]: {inputs.files} may be several"),
        ({"environment": {"FILES": "{inputs.files}"}}, "environment.FILES: cannot hold"),
        ({"environment": {"A-B": "x"}}, "environment: 'A-B' is no name"),
        ({"environment": {"N": 1}}, "environment.N: wants a text"),
        ({"inputs": ["files"]}, "inputs: wants keys and values"),
        ({"inputs": {"files": {"required": "yes"}}}, "inputs.files.required: wants true or false"),
        ({"inputs": {"files": {"optional": True}}}, "inputs.files: has the unknown key 'optional'"),
        ({"parameters": {"text": {"type": "text"}}}, "parameters.text.type: is none of string"),
        ({"parameters": {"text": {"default": 1}}}, "parameters.text.default: is not of type string"),
        ({"parameters": {"text": {"type": "integer", "default": True}}}, "is not of type integer"),
        ({"max_run_time": 60}, "max_run_time: wants a duration"),
        ({"max_run_time": "00:00:00"}, "max_run_time: must be longer"),
        ({"max_run_time": "1:99:00"}, "max_run_time: wants a duration"),
    ],
)
def test_app_file_that_is_wrong_is_refused_with_file_key_and_reason(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=f"echo-1.0: .*{reason}"):
        Apps({"echo-1.0": {**ECHO, **changes}})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id: echo-1.0\nid: echo-1.0\n", "'id' is given twice: line 2"),
        ("id: &a echo-1.0\nlabel: *a\n", "an alias is not accepted: line 2"),
        ("id: [", "line 1"),
        ("- echo-1.0\n", "the definition: wants keys and values"),
        ("id: !!python/object/apply:os.getcwd []\n", "python/object"),
        ("x: '" + "x" * (1 << 20) + "'\n", "larger than 1048576 bytes"),
    ],
)
def test_file_that_readers_could_understand_differently_is_refused(
    text: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "echo-1.0.yml").write_text(text)
    with pytest.raises(Misconfigured, match=reason) as refused:
        Apps(tmp_path)
    assert str(tmp_path / "echo-1.0.yml") in str(refused.value)


def test_two_files_cannot_register_one_app(tmp_path: Path) -> None:
    written(written(tmp_path, ECHO), ECHO, "echo-1.0.yaml")
    with pytest.raises(Misconfigured, match="register the same app"):
        Apps(tmp_path)


def test_folder_and_python_stand_for_where_the_app_lies_and_what_runs_it(tmp_path: Path) -> None:
    document = {**ECHO, "command": ["{python}", "{folder}/x.py"]}
    app = Apps(written(tmp_path, document)).get("echo-1.0")
    filled = [argument for template in app.command for argument in template.fill(app.constants())]
    assert filled == [sys.executable, f"{tmp_path}/x.py"]


# ------------------------------------------------------------------------------------------ templates


@given(before=texts, name=names, after=texts, value=texts)
def test_value_appears_literally_whatever_it_holds(before: str, name: str, after: str, value: str) -> None:
    def quoted(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    template = Template.parse(f"{quoted(before)}{{{name}}}{quoted(after)}")
    assert template.fill({name: (value,)}) == [before + value + after]


@given(values=st.lists(texts, max_size=4))
def test_name_alone_becomes_as_many_arguments_as_it_has_values(values: list[str]) -> None:
    assert Template.parse("{files}").fill({"files": values}) == values


def test_argument_is_left_out_where_one_of_its_names_has_no_value() -> None:
    assert Template.parse("--mask={mask}:{level}").fill({"mask": (), "level": ("1",)}) == []


def test_double_braces_stand_for_single_ones() -> None:
    assert Template.parse('{{"a": {x}}}').fill({"x": ("1",)}) == ['{"a": 1}']
