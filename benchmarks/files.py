"""How fast an archive is walked and hashed, beside the bare calls that this is made of.

    python -m benchmarks.files

A tree of 20,000 files of 2 kB, six directories below the root as archives are; the bare calls open each by its whole path and check
nothing. About 20 s.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import alternated, figure, folder, rate, result, seconds, shown
from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.domain.filetypes import infer_type
from datacatalog.domain.patterns import Patterns

DIRECTORIES, FILES_EACH, SIZE_BYTES = 200, 100, 2000
FILES = DIRECTORIES * FILES_EACH
LARGE_MIB = 256
ROUNDS = 3
ARCHIVE = "/products/v2/106c46ff/Db6rzKZn/PAVpwrOb/casual-bass"


def main() -> dict[str, Any]:
    with folder() as root:
        top = root / ARCHIVE.lstrip("/")
        make_tree(top)
        with (root / "large").open("wb") as file:
            file.truncate(LARGE_MIB * 1024 * 1024)
        storage = LocalStorage({"data": root})
        paths = [info.path for info in storage.walk("data", ARCHIVE)]
        figures = [
            compared(
                "walk / bare os.scandir and stat", partial(walk, storage), partial(bare_walk, top), FILES
            ),
            compared(
                "fixity of 2 kB files / bare sha256",
                partial(hash_all, storage, paths),
                partial(bare_hash_all, root, paths),
                FILES,
            ),
            compared(
                f"fixity of {LARGE_MIB} MiB / bare sha256",
                partial(storage.fixity, "data", "/large"),
                partial(bare_hash, f"{root}/large"),
                LARGE_MIB,
                "MiB",
            ),
        ]
        facts = {
            "types told by name per second": names_per_second(infer_type, paths),
            "names searched for two patterns per second": names_per_second(
                partial(Patterns([r"\.json$", "logs/.*txt"]).matches, archive_path=ARCHIVE), paths
            ),
        }
    return result("Files", figures, **facts)


def make_tree(top: Path) -> None:
    content = os.urandom(SIZE_BYTES)
    for number in range(DIRECTORIES):
        directory = top / f"step-{number:03}"
        directory.mkdir(parents=True)
        for index in range(FILES_EACH):
            (directory / f"result-{index:03}.csv").write_bytes(content)


def walk(storage: LocalStorage) -> None:
    for _ in storage.walk("data", ARCHIVE):
        pass


def bare_walk(top: Path) -> None:
    """The least that tells size and date of every file."""
    pending = [str(top)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)


def hash_all(storage: LocalStorage, paths: Sequence[str]) -> None:
    for path in paths:
        storage.fixity("data", path)


def bare_hash_all(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        bare_hash(f"{root}{path}")


def bare_hash(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compared(
    name: str, ours: Callable[[], object], bare: Callable[[], object], amount: int, unit: str = "files"
) -> Any:
    """Measure both in turn; return how much of the bare rate is reached."""
    ours_s, bare_s = alternated(partial(seconds, ours, 1), partial(seconds, bare, 1), ROUNDS)
    return figure(
        name,
        [b / a for a, b in zip(ours_s, bare_s, strict=True)],
        ours=rate(amount, ours_s, unit),
        floor=rate(amount, bare_s, unit),
    )


def names_per_second(tell: Callable[[str], object], paths: Sequence[str]) -> int:
    return round(len(paths) / seconds(lambda: [tell(path) for path in paths], 1))


if __name__ == "__main__":
    print(shown([main()]))
