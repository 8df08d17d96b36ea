"""LaminDB: a run with parameters is saved, saved as started, and saved as completed with its output record; SQLite, no account."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from talking import output, parameters, quiet_stdout, serve

out = quiet_stdout()

STARTED, COMPLETED = -1, 0


def main(home: Path) -> None:
    os.environ["HOME"] = os.environ["LAMIN_SETTINGS_DIR"] = str(home)
    (home / "work").mkdir()
    os.chdir(home / "work")
    import lamindb_setup

    lamindb_setup.init(storage=str(home / "store"))
    import lamindb as ln

    transform = ln.Transform(key="job", kind="pipeline").save()

    def life(number: int) -> None:
        run = ln.Run(transform, params=parameters(number)).save()
        run._status_code, run.started_at = STARTED, datetime.now(UTC)
        run.save()
        run._status_code, run.finished_at = COMPLETED, datetime.now(UTC)
        run.extra_data = output(number)
        run.save()

    serve(life, setup="SQLite file, as LaminDB opens it", packages=["lamindb", "Django"], out=out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
