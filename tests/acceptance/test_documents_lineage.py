"""The page about lineage: typed as it is printed, it answers what is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.acceptance.cli import made
from tests.shared import REPOSITORY

PAGE = (REPOSITORY / "docs" / "how-to" / "ask-lineage.md").read_text()
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE_DOCUMENT = re.compile(r"cat > (\S+) <<'END'\n(.*?)END\n(.*)", re.DOTALL)


def test_the_page_prints_what_its_commands_answer(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    page = PAGE.replace("/tmp/", f"{tmp_path}/")
    typed = 0
    for block in BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            if file := HERE_DOCUMENT.fullmatch(part):
                Path(file[1]).write_text(file[2])
                continue
            command, _, printed = part.partition("\n")
            words = shlex.split(command.removesuffix(" | cat"))
            assert words[0] == "datacatalog"
            ran = shell.run(*words[1:])
            assert (ran.status, ran.out + ran.err) == (0, printed), command
            typed += 1
    assert typed == 8
    assert (tmp_path / "dishes.svg").read_text().startswith("<svg ")
    [document] = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shell.ask("lineage", "/products/dishes/left.png", "--depth", "1") == json.loads(document)
