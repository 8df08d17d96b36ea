"""FireWorks: a firework is added, checked out and completed with stored data, through the LaunchPad alone (no rocket is launched).

That is the least that FireWorks does for a job; its rockets do the same calls and more. Argument 2: a MongoDB URL, or "mongomock".
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
    memory = server == "mongomock"
    if memory:
        (home / "mongomock.json").write_text("{}")
        os.environ["MONGOMOCK_SERVERSTORE_FILE"] = str(home / "mongomock.json")
    from fireworks import Firework, FWAction, FWorker, LaunchPad, ScriptTask

    name = f"bench_{secrets.token_hex(6)}"
    pad = LaunchPad(
        host="mongodb://memory/" if memory else server, name=name, uri_mode=True, strm_lvl="ERROR"
    )
    pad.reset("", require_password=False)
    worker = FWorker()

    def life(number: int) -> None:
        firework = Firework(ScriptTask.from_str("true"), spec=parameters(number), name=f"job-{number}")
        ids = pad.add_wf(firework)
        _, launch = pad.checkout_fw(worker, str(home), fw_id=next(iter(ids.values())))
        pad.complete_launch(launch, FWAction(stored_data=output(number)), "COMPLETED")

    setup = (
        "mongomock in memory, nothing durable" if memory else "MongoDB server by URL, default write concern"
    )
    try:
        serve(life, setup=setup, packages=["FireWorks", "pymongo"], out=out)
    finally:
        if not memory:
            pad.connection.drop_database(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
