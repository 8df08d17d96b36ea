"""What hostile or unlucky trees do to the local storage: nothing."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datacatalog.adapters.storage.descriptors import KEPT_OPEN
from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.domain.errors import DatacatalogError, NoSuchPath, StorageDown, UnsafePath
from tests.integration.inotify import watching
from tests.privileges import without_privileges

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile trees are made with Linux calls")

SECRET = b"what nobody here may see"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    return LocalStorage({"data": root})


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the root, with a secret in it."""
    outside = tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    (outside / "deeper" / "secret").write_bytes(SECRET)
    return outside


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def paths(storage: LocalStorage, path: str = "/") -> list[str]:
    return [info.path for info in storage.walk("data", path)]


def looked(storage: LocalStorage, path: str) -> str:
    """Return the checksum that a look tells; raise what it says is wrong."""
    (look,) = storage.look("data", [path])
    if look.error is not None:
        raise look.error
    return look.checksum


OPERATIONS: dict[str, Callable[[LocalStorage, str], object]] = {
    "walk": lambda storage, path: paths(storage, path),
    "stat": lambda storage, path: storage.stat("data", path),
    "open": lambda storage, path: storage.open("data", path).close(),
    "fixity": lambda storage, path: storage.fixity("data", path),
    "look": lambda storage, path: looked(storage, path),
    "make_directory": lambda storage, path: storage.make_directory("data", path),
    "put": lambda storage, path: storage.put("data", path, io.BytesIO(b"mine")),
    "list": lambda storage, path: storage.list("data", path),
    "delete": lambda storage, path: storage.delete("data", path),
    "move": lambda storage, path: storage.move("data", path, "/moved"),
    "move_to": lambda storage, path: storage.move("data", "/real", f"{path}/moved"),
    "clear": lambda storage, path: storage.clear("data", path),
}


# --------------------------------------------------------------------------------------------- links


def test_the_kernel_tells_of_every_opening_outside(outside: Path) -> None:
    """Without this, silence in the tests below would prove nothing."""
    link = outside.parent / "link"
    link.symlink_to(outside)
    with watching(outside) as watch:
        os.listdir(link)
        assert watch.seen() == {outside}
        (link / "secret").read_bytes()
        assert watch.seen() == {outside / "secret"}
        assert watch.seen() == set()


@pytest.mark.parametrize("target", ["outside", "/proc/self/root", "loop", ".", "..", "missing", "real"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_link_on_the_way_is_refused_by_every_operation(
    root: Path, outside: Path, storage: LocalStorage, operation: str, target: str
) -> None:
    (root / "real").mkdir()
    (root / "real" / "kept").write_bytes(b"kept")
    link = root / "loop"
    link.symlink_to(outside if target == "outside" else target)
    with watching(outside, outside / "deeper") as watch:
        for path in ("/loop", "/loop/secret", "/loop/deeper/secret", "/loop/kept"):
            with pytest.raises(UnsafePath, match="symbolic link"):
                OPERATIONS[operation](storage, path)
        assert watch.seen() == set()
    assert link.is_symlink()
    assert (root / "real" / "kept").read_bytes() == b"kept"


def test_walk_passes_over_links_of_all_sorts(root: Path, outside: Path, storage: LocalStorage) -> None:
    (root / "d").mkdir()
    (root / "d" / "file").write_bytes(b"1")
    for name, target in {
        "to-file": outside / "secret",
        "to-directory": outside,
        "to-root": "/proc/self/root",
        "to-parent": "..",
        "to-itself": "to-itself",
        "to-nothing": "nothing",
        "to-sibling": "file",
    }.items():
        (root / "d" / name).symlink_to(target)
    with watching(outside) as watch:
        assert paths(storage) == ["/d/file"]
        assert watch.seen() == set()


def test_clear_removes_links_and_leaves_what_they_lead_to(
    root: Path, outside: Path, storage: LocalStorage
) -> None:
    (root / "d" / "below").mkdir(parents=True)
    (root / "d" / "to-directory").symlink_to(outside)
    (root / "d" / "below" / "to-file").symlink_to(outside / "secret")
    with watching(outside, outside / "deeper") as watch:
        assert storage.clear("data", "/d") == 2
        assert watch.seen() == set()
    assert os.listdir(root / "d") == []
    assert (outside / "deeper" / "secret").read_bytes() == SECRET


def test_root_may_itself_be_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    (root / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to(root)
    assert paths(LocalStorage({"data": tmp_path / "link"})) == ["/file"]


def test_hard_link_is_a_file_like_any_other_and_clearing_leaves_its_other_name(
    root: Path, outside: Path, storage: LocalStorage
) -> None:
    (root / "d").mkdir()
    os.link(outside / "secret", root / "d" / "mine")
    assert paths(storage) == ["/d/mine"]
    assert storage.fixity("data", "/d/mine")[1] == f"sha256:{hashlib.sha256(SECRET).hexdigest()}"
    assert storage.clear("data", "/d") == 1
    assert (outside / "secret").read_bytes() == SECRET


def test_putting_over_a_hard_link_does_not_write_through_it(
    root: Path, outside: Path, storage: LocalStorage
) -> None:
    os.link(outside / "secret", root / "mine")
    storage.put("data", "/mine", io.BytesIO(b"new"))
    assert (outside / "secret").read_bytes() == SECRET


# ----------------------------------------------------------------------------------- odd entries


@contextmanager
def special_file(kind: str, path: Path) -> Iterator[None]:
    if kind == "fifo":
        os.mkfifo(path)
        yield
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = os.open(path.parent, os.O_RDONLY)
            try:  # the name of a socket has little room
                server.bind(f"/proc/self/fd/{here}/{path.name}")
            finally:
                os.close(here)
            yield
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
        yield


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_special_file_is_neither_listed_nor_opened_and_goes_when_cleared(
    root: Path, storage: LocalStorage, kind: str
) -> None:
    (root / "d").mkdir()
    with special_file(kind, root / "d" / "odd"):
        assert paths(storage) == []
        with watching(root / "d") as watch:
            for operation in ("stat", "open", "fixity", "put"):
                with pytest.raises(UnsafePath, match="special file"):
                    OPERATIONS[operation](storage, "/d/odd")
            assert root / "d" / "odd" not in watch.seen()
        assert storage.clear("data", "/d") == 1
        assert os.listdir(root / "d") == []


def test_names_of_all_sorts_are_listed_read_and_cleared(root: Path, storage: LocalStorage) -> None:
    odd = [
        "n" * 255,
        "é" * 127,
        "a\nb",
        " ",
        "\x01",
        "...",
        "..a",
        "-rf",
        "a\\b",
        "%2e%2e",
        "*",
        "\u202egnp.exe",
    ]
    for name in odd:
        (root / name).mkdir()
        (root / name / name).write_bytes(name.encode())
    assert paths(storage) == sorted(f"/{name}/{name}" for name in odd)
    for name in odd:
        with storage.open("data", f"/{name}/{name}") as file:
            assert file.read() == name.encode()
        assert storage.clear("data", f"/{name}") == 1


def test_names_that_are_no_text_are_passed_over_with_a_warning_and_cleared(
    root: Path, storage: LocalStorage, caplog: pytest.LogCaptureFixture
) -> None:
    directory = os.fsencode(root / "d")
    os.makedirs(directory + b"/\xff-directory")
    for name in (b"fine", b"\xff\xfe", b"caf\xe9", b"\xff-directory/file"):
        (open(directory + b"/" + name, "wb")).close()
    with caplog.at_level(logging.WARNING):
        assert paths(storage) == ["/d/fine"]
    assert [record.getMessage().split(" that")[0] for record in caplog.records] == [
        "passed over 3 names below '/d'"
    ]
    assert storage.clear("data", "/d") == 4
    assert os.listdir(directory) == []


def test_what_a_crash_left_of_a_file_that_was_being_put_is_not_listed(
    root: Path, storage: LocalStorage
) -> None:
    (root / "d").mkdir()
    (root / "d" / f".datacatalog-{'0' * 16}.part").write_bytes(b"half")
    (root / "d" / ".datacatalog-notes.part").write_bytes(b"whole")
    assert paths(storage) == ["/d/.datacatalog-notes.part"]
    assert storage.clear("data", "/d") == 2


@pytest.mark.parametrize("seconds", [-(2**40), -1, 2**33, 2**40, 2**55])
def test_absurd_dates_are_told_as_dates(seconds: int) -> None:
    # Where a file system keeps them as they are: ext4 does not.
    with TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as directory:
        file = Path(directory, "file")
        file.touch()
        with suppress(OverflowError):
            os.utime(file, ns=(0, seconds * 10**9))
        (told,) = LocalStorage({"data": Path(directory)}).walk("data", "/")
    assert 1000 <= told.modified.year <= 9999


def test_what_may_not_be_read_is_an_error_that_names_it_and_never_passed_over() -> None:
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        root = Path(directory)
        (root / "file").write_bytes(SECRET)
        (root / "file").chmod(0)
        (root / "open" / "closed").mkdir(parents=True)
        (root / "open" / "closed").chmod(0)
        storage = LocalStorage({"data": root})
        with without_privileges():
            with pytest.raises(StorageDown, match="agave://data/file: Permission denied"):
                storage.fixity("data", "/file")
            assert storage.stat("data", "/file").size_bytes == len(SECRET)
            with pytest.raises(StorageDown, match=r"agave://data/open: Permission denied \(closed\)"):
                paths(storage, "/open")
        (root / "open" / "closed").chmod(0o755)


def test_walk_tells_of_what_it_may_not_look_into_and_goes_on_where_it_is_asked_to() -> None:
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        root = Path(directory)
        for name in ("a/file", "b/closed/file", "b/listed/file", "b/last", "c/file"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        (root / "b" / "closed").chmod(0)
        (root / "b" / "listed").chmod(0o444)
        told: list[tuple[str, str]] = []
        with without_privileges():
            walk = LocalStorage({"data": root}).walk(
                "data", "/", unreadable=lambda path, reason: told.append((path, reason))
            )
            assert [info.path for info in walk] == ["/a/file", "/b/last", "/c/file"]
        assert told[0] == ("/b/closed", "Permission denied")
        assert [path.startswith("/b/listed") for path, _ in told[1:]] == [True]
        for name in ("closed", "listed"):
            (root / "b" / name).chmod(0o755)


def test_root_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    storage = LocalStorage({"data": tmp_path / "unmounted"})
    with pytest.raises(StorageDown, match="root of data"):
        paths(storage)


# ------------------------------------------------------------------------------------------- depth


def make_deep(root: Path, depth: int) -> None:
    """Make /d/d/d/..., with a file before and one after the directory on each level."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        for name in ("a", "z"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


@pytest.fixture
def deep_root() -> Iterator[Path]:
    """A root that goes without recursion, whatever becomes of the test: pytest's own cleaning would end in an error."""
    root = Path(mkdtemp())
    yield root
    subprocess.run(["rm", "-rf", root], check=True)


@pytest.mark.parametrize("depth", [KEPT_OPEN - 1, KEPT_OPEN, KEPT_OPEN + 1, 1500])
def test_deep_tree_is_walked_and_cleared_with_few_descriptors(deep_root: Path, depth: int) -> None:
    storage = LocalStorage({"data": deep_root})
    (deep_root / "top").mkdir()
    make_deep(deep_root / "top", depth)
    before, most, found = len(os.listdir("/proc/self/fd")), 0, []
    for info in storage.walk("data", "/top"):
        found.append(info.path)
        if len(found) % 100 == 0:
            most = max(most, len(os.listdir("/proc/self/fd")) - before)
    assert found == sorted(found)
    assert len(found) == 2 * depth
    assert most <= 64
    assert storage.stat("data", found[depth]).path == found[depth]
    assert storage.clear("data", "/top") == 2 * depth
    assert os.listdir(deep_root / "top") == []


# ------------------------------------------------------------------------------- while others change it


@contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[list[int]]:
    """Repeat `action` in another thread; yield how often it ran, in a list of one."""
    ends, runs = threading.Event(), [0]

    def repeat() -> None:
        while not ends.is_set():
            action()
            runs[0] += 1
            time.sleep(0)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(repeat)
        try:
            yield runs
        finally:
            ends.set()
        running.result()


def for_a_while(seconds: float, enough: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Go round for so long, and on a busy machine until there was enough, but no longer than 10 s."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds or (passed < 10 and not enough()):
        yield


@pytest.mark.parametrize("operation", ["walk", "fixity", "look", "clear"])
def test_directory_that_is_swapped_for_a_link_leads_nowhere(
    root: Path, outside: Path, storage: LocalStorage, operation: str
) -> None:
    real, aside = root / "top" / "deeper", root / "aside"
    real.parent.mkdir()

    placed = 0

    def swap() -> None:
        nonlocal placed
        with suppress(FileExistsError):
            real.mkdir()
        with suppress(OSError):  # clear may take any of it
            (real / "secret").write_bytes(b"harmless")
            real.rename(aside)
            real.symlink_to(outside / "deeper")
            placed += 1
            time.sleep(0.0002)
            real.unlink()
        with suppress(OSError):
            aside.rename(real)
        shutil.rmtree(aside, ignore_errors=True)

    nothing, harmless = (f"sha256:{hashlib.sha256(text).hexdigest()}" for text in (b"", b"harmless"))
    seen_of: dict[str, set[object]] = {
        "walk": {8},
        "fixity": {harmless},
        "look": {harmless},
        "clear": {"cleared"},
    }
    answers: set[object] = set()
    with watching(outside, outside / "deeper") as watch:
        with meanwhile(swap):
            for _ in for_a_while(1.5, lambda: placed > 100 and bool(answers & seen_of[operation])):
                try:
                    if operation == "walk":
                        answers.update(info.size_bytes for info in storage.walk("data", "/top"))
                    elif operation == "fixity":
                        answers.add(storage.fixity("data", "/top/deeper/secret")[1])
                    elif operation == "look":
                        looks = storage.look("data", ["/top/deeper/secret"] * 3)
                        answers.update(look.checksum or type(look.error) for look in looks)
                    else:
                        storage.clear("data", "/top")
                        answers.add("cleared")
                except (UnsafePath, NoSuchPath, StorageDown) as error:
                    answers.add(type(error))
        assert watch.seen() == set()
    assert placed > 100
    assert answers & seen_of[operation]
    assert answers <= seen_of[operation] | {0, nothing, NoSuchPath, UnsafePath, StorageDown}
    assert (outside / "deeper" / "secret").read_bytes() == SECRET


@pytest.mark.timeout(20)
def test_file_that_is_swapped_for_a_link_or_a_fifo_is_not_read(
    root: Path, outside: Path, storage: LocalStorage
) -> None:
    file, link, fifo = root / "file", root / "link", root / "fifo"
    swapped = 0

    def swap() -> None:
        nonlocal swapped
        link.symlink_to(outside / "secret")
        os.mkfifo(fifo)
        for other in (link, fifo):
            (root / "new").write_bytes(b"harmless")
            (root / "new").rename(file)
            other.rename(file)
        swapped += 1

    file.write_bytes(b"harmless")
    answers: set[object] = set()
    with watching(outside) as watch:
        with meanwhile(swap):
            for _ in for_a_while(1, lambda: swapped > 50 and {b"harmless", UnsafePath} <= answers):
                try:
                    with storage.open("data", "/file") as opened:
                        answers.add(opened.read())
                except (UnsafePath, NoSuchPath) as error:
                    answers.add(type(error))
        assert watch.seen() == set()
    assert swapped > 50
    assert answers <= {b"harmless", UnsafePath, NoSuchPath}
    assert answers >= {b"harmless", UnsafePath}


def test_walk_of_a_changing_tree_yields_all_that_stays(root: Path, storage: LocalStorage) -> None:
    for name in ("a", "m", "z"):
        (root / name).mkdir()
        (root / name / "stays").write_bytes(b"1")

    def change() -> None:
        deep = root / "m" / "comes" / "and" / "goes"
        deep.mkdir(parents=True)
        (deep / "file").write_bytes(b"1")
        (root / "a" / "file").write_bytes(b"1")
        (root / "a" / "file").rename(root / "z" / "file")
        (deep / "file").unlink()
        for directory in (deep, deep.parent, deep.parent.parent):
            directory.rmdir()
        (root / "z" / "file").unlink()

    with meanwhile(change) as changes:
        for _ in for_a_while(1):
            found = paths(storage)
            assert {"/a/stays", "/m/stays", "/z/stays"} <= set(found)
            assert found == sorted(found)
    assert changes[0] > 20


def test_fixity_is_of_one_state_of_a_file_that_is_replaced_meanwhile(
    root: Path, storage: LocalStorage
) -> None:
    contents = [b"a" * 100_000, b"b" * 200_000]
    states = {(len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") for content in contents}

    def replace() -> None:
        for content in contents:
            (root / "next").write_bytes(content)
            (root / "next").rename(root / "file")

    replace()
    with meanwhile(replace) as rounds:
        seen = set()
        for _ in for_a_while(0.5):
            with suppress(StorageDown):  # replaced each of the times it was tried
                info, checksum = storage.fixity("data", "/file")
                seen.add((info.size_bytes, checksum))
    assert rounds[0] > 5
    assert seen
    assert seen <= states


def test_file_that_keeps_changing_while_it_is_hashed_is_told_so(root: Path, storage: LocalStorage) -> None:
    def hash_on() -> None:
        for _ in for_a_while(10):
            storage.fixity("data", "/file")

    file = root / "file"
    file.write_bytes(b"0" * 16_000_000)
    with (
        file.open("r+b", buffering=0) as writer,
        meanwhile(lambda: writer.seek(0) or writer.write(b"1")),
        pytest.raises(StorageDown, match="agave://data/file keeps changing"),
    ):
        hash_on()
    assert storage.fixity("data", "/file")[0].size_bytes == 16_000_000


def test_change_under_an_old_date_is_another_version(root: Path, storage: LocalStorage) -> None:
    file = root / "file"
    file.write_bytes(b"one")
    os.utime(file, (1, 1))
    first = storage.stat("data", "/file")
    time.sleep(0.02)  # older kernels tell changes apart by their clock tick
    with file.open("r+b") as writer:
        writer.write(b"two")
    os.utime(file, (1, 1))
    second = storage.stat("data", "/file")
    assert (second.size_bytes, second.modified) == (first.size_bytes, first.modified)
    assert second.version != first.version


# --------------------------------------------------------------------------------- whatever the path

hostile_paths = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                "..",
                ".",
                "",
                "a",
                "d",
                "link",
                "outside",
                "secret",
                "root",
                "%2e%2e",
                "..\\",
                "\0",
                "\udcff",
                "~",
                "//",
            ]
        ),
        max_size=8,
    ).map(lambda parts: "/" + "/".join(parts)),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=hostile_paths, operation=st.sampled_from(sorted(OPERATIONS)))
@example(path="/../outside/secret", operation="fixity")
@example(path="/d/../../outside", operation="clear")
@example(path="/link/secret", operation="put")
@example(path="//..//outside", operation="walk")
@example(path="/d/..\0/../outside/secret", operation="open")
@example(path="..", operation="look")
@example(path="/d/../..", operation="look")
def test_no_path_leads_outside(
    root: Path, outside: Path, storage: LocalStorage, path: str, operation: str
) -> None:
    (root / "d").mkdir(exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(outside)
    with watching(root.parent, outside, outside / "deeper") as watch:
        with suppress(DatacatalogError):
            OPERATIONS[operation](storage, path)
        assert watch.seen() <= {root}
