"""AiiDA: a calculation node with an input, stored; set to running; set to finished with an output node, and sealed. No engine runs.

That is the least that AiiDA keeps of a job; its engine does the same and more. Argument 2: "sqlite" (its storage without a
server) or the port of a PostgreSQL server on 127.0.0.1 where user postgres needs no password.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from talking import output, parameters, quiet_stdout, serve

out = quiet_stdout()


def main(home: Path, storage: str) -> None:
    os.environ["AIIDA_PATH"] = str(home)
    from aiida import load_profile, orm
    from aiida.common.links import LinkType
    from aiida.manage.configuration import create_profile, get_config
    from plumpy import ProcessState

    def close() -> None: ...

    if storage == "sqlite":
        backend, settings = "core.sqlite_dos", {"filepath": str(home / "store")}
        setup = "core.sqlite_dos (no server), as it opens SQLite"
    else:
        import psycopg

        name = f"bench_{secrets.token_hex(6)}"
        where = f"host=127.0.0.1 port={storage} user=postgres"
        with psycopg.connect(where, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
        backend = "core.psql_dos"
        settings = {
            "database_hostname": "127.0.0.1",
            "database_port": int(storage),
            "database_username": "postgres",
            "database_password": "",
            "database_name": name,
            "repository_uri": (home / "repository").as_uri(),
        }
        setup = "core.psql_dos (PostgreSQL on this machine, fsync on)"

        def close() -> None:
            get_manager().reset_profile()
            with psycopg.connect(where, autocommit=True) as server:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    from aiida.manage import get_manager

    create_profile(
        get_config(create=True),
        storage_backend=backend,
        storage_config=settings,
        name="bench",
        email="bench@example.org",
    )
    load_profile("bench", allow_switch=True)

    def life(number: int) -> None:
        given = orm.Dict(parameters(number))
        job = orm.CalcFunctionNode(label=f"job-{number}")
        job.base.links.add_incoming(given, LinkType.INPUT_CALC, "parameters")
        job.set_process_state(ProcessState.CREATED)
        job.store_all()
        job.set_process_state(ProcessState.RUNNING)
        made = orm.Dict(output(number))
        made.base.links.add_incoming(job, LinkType.CREATE, "result")
        made.store()
        job.set_process_state(ProcessState.FINISHED)
        job.set_exit_status(0)
        job.seal()

    try:
        serve(life, setup=setup, packages=["aiida-core", "SQLAlchemy"], out=out)
    finally:
        close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
