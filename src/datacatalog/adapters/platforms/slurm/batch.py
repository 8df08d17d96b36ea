"""What Slurm runs on a node: `python -I -m datacatalog.adapters.platforms.slurm.batch FOLDER`.

It takes the command that lies there (files.py), runs it as the local platform would, and writes down how it ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.isolation import Isolation
from datacatalog.adapters.platforms.local.runner import run
from datacatalog.adapters.platforms.slurm.files import Ending, Files
from datacatalog.domain.errors import DatacatalogError

_SIGNALLED = 128


def main(folder: str) -> int:
    files, job = Files(Path(folder)), os.environ["SLURM_JOB_ID"]
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if not files.begin(job):
        sys.stderr.write(f"the command was begun by job {files.begun()}\n")
        return 0
    ending = _run(files, stopped)
    files.end(ending)
    return ending.code if ending.code >= 0 else _SIGNALLED - ending.code


def _run(files: Files, stopped: threading.Event) -> Ending:
    order = files.order()
    command = Command.read(order["command"])
    told = {name: value for name, value in os.environ.items() if name.startswith("SLURM_")}
    command = replace(command, environment={**told, **command.environment})
    isolation = Isolation(order["isolation"], map(Path, order["hidden"]))
    try:
        how, code = run(command, began=lambda _: None, stop=stopped.is_set, isolation=isolation)
    except (DatacatalogError, OSError) as e:
        return Ending(how="exited", code=1, reason=str(e))
    return Ending(how=how.value, code=code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
