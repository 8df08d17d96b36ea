from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# What reaches the world or checks the wire: none of it is loaded by knowing the rules.
FORBIDDEN = {
    "sqlite3", "pymongo", "bson", "requests", "urllib3", "http.client", "socket", "ssl", "subprocess",
    "starlette", "uvicorn", "click", "rich", "jsonschema", "jsonschema_rs", "referencing", "yaml", "jwt", "cryptography",
    "paramiko", "botocore",
}  # fmt: skip

IMPORT_ALL = """
import importlib, json, pkgutil, sys
root = importlib.import_module(sys.argv[1])
names = [module.name for module in pkgutil.walk_packages(root.__path__, root.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted(sys.modules)]))
"""


def import_in_fresh_interpreter(package: str) -> tuple[list[str], set[str]]:
    """Import a package with all its modules; return their names, and everything that was loaded on the way."""
    # Measuring coverage in there would load sqlite3 for its own use.
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package], env=quiet, capture_output=True, text=True, check=True
    )
    names, loaded = json.loads(done.stdout)
    return names, set(loaded)


@pytest.mark.parametrize("package", ["datacatalog.domain", "datacatalog.ports"])
def test_importing_the_rules_loads_nothing_that_reaches_the_world(package: str) -> None:
    names, loaded = import_in_fresh_interpreter(package)
    assert names
    assert loaded & FORBIDDEN == set()


def test_what_reaches_the_world_would_be_noticed() -> None:
    _, loaded = import_in_fresh_interpreter("sqlite3")
    assert loaded & FORBIDDEN == {"sqlite3"}
