"""signac: a job is opened by its parameters, and its document tells the state; the output record goes into the document."""

from __future__ import annotations

import sys
from pathlib import Path

from talking import output, parameters, quiet_stdout, serve

out = quiet_stdout()

import signac  # noqa: E402


def main(home: Path) -> None:
    project = signac.init_project(str(home))

    def life(number: int) -> None:
        job = project.open_job(parameters(number))
        job.init()
        job.doc["state"] = "running"
        job.doc.update({"state": "finished", "output": output(number)})

    serve(life, setup="files in a folder for each job; signac calls no fsync", packages=["signac"], out=out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
