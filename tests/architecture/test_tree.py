from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.tracked import tracked_lines, tracked_paths
from tests.shared import REPOSITORY

LINES_MAX = 400

# Written with [x] in place of x, so that this file does not break its own rules.
UNWANTED = {
    "a path of one machine": r"(?<![\w.])/(wor[k]/(?!projects)|roo[t]/|home/\w+/|Users/\w+/)",
    "a package registry": r"pyp[i]\.org|pythonhoste[d]\.org|registry\.npmj[s]|proxy\.golan[g]|--(extra-)?index-ur[l]",
    "a note to do something later": r"\b(TOD[O]|FIXM[E])\b",
}
SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KE[Y]-----",
    "an access key": r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "a signed web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.",
    "a password in a URL": r"\b\w+://[^\s/:@{}$<>]+:(?!guest@|secret@|password@|\*)[^\s/:@{}$<>]+@",
    "a secret with its value": (
        r"(?i)(passw(or)?d|secret|token|api_?key)\w*[\"']?\s*[:=]\s*b?[\"'](?=[^\"']*\d)[a-z0-9+/_=-]{24,}[\"']"
    ),
}


def lines_with(pattern: str) -> list[str]:
    unwanted = re.compile(pattern)
    return [f"{place}: {line.strip()}" for place, line in tracked_lines() if unwanted.search(line)]


@pytest.mark.parametrize("what", UNWANTED)
def test_no_tracked_file_names(what: str) -> None:
    assert lines_with(UNWANTED[what]) == []


@pytest.mark.parametrize("what", SECRETS)
def test_no_tracked_file_holds(what: str) -> None:
    assert lines_with(SECRETS[what]) == []


@pytest.mark.parametrize(
    "line",
    [
        'token_key = "' + "a7f3" * 8 + '"',
        "-----BEGIN RSA PRIVATE KE" + "Y-----",
        "mongodb://catalog:hunter2" + "@db.example.org/",
        "{'password': b'" + "c29tZXRoaW5n" * 3 + "MQ=='}",
    ],
)
def test_secrets_are_recognised(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in SECRETS.values())


def test_every_module_can_be_read_in_one_sitting() -> None:
    modules = tracked_paths("src/*.py", "reactors/*.py")
    assert {len(path.parts) for path in modules} >= {3, 4, 5, 6}
    long = {
        str(path): count
        for path in modules
        if (count := len((REPOSITORY / path).read_text().splitlines())) > LINES_MAX
    }
    assert long == {}


def test_package_files_are_empty_or_re_export_names() -> None:
    busy = [
        f"{path}:{node.lineno}"
        for path in tracked_paths("__init__.py")
        for node in ast.parse((REPOSITORY / path).read_text()).body
        if not _re_exports(node)
    ]
    assert busy == []


def _re_exports(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__version__" | "TYPE_CHECKING")]):
            return True
        # Names that are imported when they are asked for, and told to type checkers.
        case ast.FunctionDef(name="__getattr__" | "__dir__"):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body):
            return all(map(_re_exports, body))
    return False
