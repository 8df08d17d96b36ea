"""jobflow: a job is made of a function and its parameters, run in this process, and its output is put into the job store.

jobflow keeps the outputs of jobs and no states, so that this is one write for a job. Argument 2: a MongoDB URL, or "memory".
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from talking import output, parameters, quiet_stdout, serve

out = quiet_stdout()


def main(home: Path, server: str) -> None:
    os.chdir(home)
    os.environ["HOME"] = str(home)
    from jobflow import JobStore, job, run_locally
    from maggma.stores import MemoryStore, MongoURIStore

    name = f"bench_{secrets.token_hex(6)}"
    if server == "memory":
        docs, setup = MemoryStore(), "maggma MemoryStore, nothing durable"
    else:
        docs = MongoURIStore(server, "outputs", database=name)
        setup = "maggma MongoURIStore, default write concern"
    store = JobStore(docs)
    store.connect()

    @job
    def measured(number: int, **given: object) -> dict[str, object]:
        return output(number)

    def life(number: int) -> None:
        run_locally(measured(**parameters(number)), log=False, store=store, ensure_success=True)

    try:
        serve(life, setup=setup, packages=["jobflow", "maggma"], out=out)
    finally:
        if server != "memory":
            docs._collection.database.client.drop_database(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
