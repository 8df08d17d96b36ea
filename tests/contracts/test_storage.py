"""What every storage adapter promises; see datacatalog.ports.storage."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import (
    AlreadyExists,
    InvalidField,
    NoSuchPath,
    NotClearable,
    UnsafePath,
)
from datacatalog.ports.storage import Storage
from tests.contracts.storages import KINDS, Servers, running_servers, storage_of

UNSAFE = [
    "relative/path",
    "",
    "./a",
    "/a/../b",
    "/..",
    "/a/..",
    "/../etc/passwd",
    "/./a",
    "/a/.",
    "/a\0b",
    "/\udc80",
    "/\ud800",
    "/" + "n" * 256,
    "/" + "é" * 128,
    "/" + "d/" * 9000,
    "\\..\\a",
    "~/a",
]


Storages = Callable[[Sequence[str]], Storage]
"""From clearable prefixes to two systems, `data` and `scratch`."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


checked_before = pytest.mark.parametrize("kind", ["memory"])
"""Of what is refused before any system is asked."""


@pytest.fixture
def storages(kind: str, servers: Servers) -> Storages:
    """Two systems that are both empty."""
    return lambda clearable: storage_of(kind, servers, clearable)


@pytest.fixture
def storage(storages: Storages) -> Storage:
    """Everything but the roots may be cleared."""
    return storages(["/"])


def put(storage: Storage, path: str, content: bytes = b"x", system: str = "data") -> None:
    storage.put(system, path, io.BytesIO(content))


def paths(storage: Storage, path: str = "/", system: str = "data") -> list[str]:
    return [info.path for info in storage.walk(system, path)]


OPERATIONS: dict[str, Callable[[Storage, str, str], object]] = {
    "walk": lambda storage, system, path: list(storage.walk(system, path)),
    "stat": lambda storage, system, path: storage.stat(system, path),
    "open": lambda storage, system, path: storage.open(system, path).close(),
    "fixity": lambda storage, system, path: storage.fixity(system, path),
    "make_directory": lambda storage, system, path: storage.make_directory(system, path),
    "make_new_directory": lambda storage, system, path: storage.make_directory(system, path, exclusive=True),
    "put": lambda storage, system, path: storage.put(system, path, io.BytesIO(b"")),
    "list": lambda storage, system, path: storage.list(system, path),
    "delete": lambda storage, system, path: storage.delete(system, path),
    "move": lambda storage, system, path: storage.move(system, path, "/elsewhere"),
    "move_to": lambda storage, system, path: storage.move(system, "/elsewhere", path),
    "clear": lambda storage, system, path: storage.clear(system, path),
}


def test_systems_are_told_by_name(storage: Storage) -> None:
    assert storage.systems() == ("data", "scratch")


@checked_before
@pytest.mark.parametrize("operation", OPERATIONS)
def test_unknown_system_is_refused_by_name(storage: Storage, operation: str) -> None:
    with pytest.raises(InvalidField, match="nowhere") as refused:
        OPERATIONS[operation](storage, "nowhere", "/a")
    assert refused.value.field == "storage_system"


@checked_before
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("path", UNSAFE, ids=lambda path: ascii(path)[:20])
def test_unsafe_path_is_refused_by_every_operation(storage: Storage, operation: str, path: str) -> None:
    with pytest.raises(UnsafePath):
        OPERATIONS[operation](storage, "data", path)


def test_what_is_not_there_is_told_so_by_every_operation(storage: Storage) -> None:
    put(storage, "/a-file")
    for operation in ("walk", "stat", "open", "fixity", "list", "delete", "move", "clear"):
        for path in ("/nothing", "/nothing/below", "/a-file/below"):
            with pytest.raises(NoSuchPath, match=f"agave://data{path}"):
                OPERATIONS[operation](storage, "data", path)


@pytest.mark.parametrize("operation", ["stat", "open", "fixity"])
@pytest.mark.parametrize("path", ["/", "/directory"])
def test_a_directory_is_no_file(storage: Storage, operation: str, path: str) -> None:
    storage.make_directory("data", "/directory")
    with pytest.raises(NoSuchPath):
        OPERATIONS[operation](storage, "data", path)


@pytest.mark.parametrize("operation", ["walk", "clear"])
def test_a_file_is_no_directory(storage: Storage, operation: str) -> None:
    put(storage, "/file")
    with pytest.raises(NoSuchPath):
        OPERATIONS[operation](storage, "data", "/file")


def test_what_was_put_is_read_back(storage: Storage) -> None:
    content = bytes(range(256)) * 5000
    put(storage, "/products/v2/a b/é.bin", content)
    with storage.open("data", "/products/v2/a b/é.bin") as file:
        assert file.read() == content


ODD = ["a b", "%2e%2e", "%2F", "a%00", "a+b", "?q=1", "#f", ";p", "a&b=c", "'\"", "<x>", "\\", "~", "-", "*", "[a]", "{b}", "\x01\x7f",
       "\t", "\u2028", "...", " ", ".hidden", "\N{CYRILLIC SMALL LETTER A}", "e\u0301", "\xe9", "\U0001f9ec"]  # fmt: skip


def test_odd_names_are_written_listed_read_moved_and_deleted(storage: Storage) -> None:
    for name in ODD:
        put(storage, f"/d/{name}", name.encode())
    assert [entry.path for entry in storage.list("data", "/d")] == sorted(f"/d/{name}" for name in ODD)
    assert [info.path for info in storage.walk("data", "/d")] == sorted(f"/d/{name}" for name in ODD)
    for name in ODD:
        with storage.open("data", f"/d/{name}") as file:
            assert file.read() == name.encode()
    storage.move("data", "/d", "/e?")
    for name in ODD[:5]:
        assert storage.delete("data", f"/e?/{name}") == 1
    assert storage.delete("data", "/e?") == len(ODD) - 5
    assert paths(storage) == []


def test_line_feeds_are_characters_of_names_like_others(storage: Storage, kind: str) -> None:
    if kind == "s3":
        pytest.skip("moto's routes know no line feeds")
    put(storage, "/d\n/e\n", b"12")
    assert storage.stat("data", "/d\n/e\n").size_bytes == 2
    storage.move("data", "/d\n", "/f\n")
    assert paths(storage) == ["/f\n/e\n"]
    assert storage.delete("data", "/f\n/e\n") == 1


def test_systems_do_not_see_each_other(storage: Storage) -> None:
    put(storage, "/same", b"1", system="data")
    put(storage, "/same", b"22", system="scratch")
    assert storage.stat("data", "/same").size_bytes == 1
    assert storage.stat("scratch", "/same").size_bytes == 2
    storage.make_directory("scratch", "/only")
    with pytest.raises(NoSuchPath):
        list(storage.walk("data", "/only"))


def test_repeated_and_trailing_slashes_count_for_nothing(storage: Storage) -> None:
    put(storage, "//a///b//c")
    assert storage.stat("data", "/a/b/c").path == "/a/b/c"
    assert storage.stat("data", "/a//b/c/").path == "/a/b/c"
    assert paths(storage, "//a/") == ["/a/b/c"]


def test_file_is_told_with_its_size_and_dates(storage: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    told = storage.put("data", "/a/b", io.BytesIO(b"12345"))
    assert told == storage.stat("data", "/a/b")
    assert (told.path, told.size_bytes) == ("/a/b", 5)
    assert before <= told.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert before <= told.created <= datetime.now(UTC) + timedelta(seconds=2)
    assert told.modified.utcoffset() == timedelta(0)


def test_version_changes_with_the_content_and_not_without(storage: Storage) -> None:
    put(storage, "/a", b"one")
    first = storage.stat("data", "/a").version
    assert storage.stat("data", "/a").version == first
    put(storage, "/a", b"two")
    assert storage.stat("data", "/a").version != first


def test_replacing_a_file_leaves_one_file(storage: Storage) -> None:
    put(storage, "/d/a", b"one")
    put(storage, "/d/a", b"two")
    assert paths(storage) == ["/d/a"]
    with storage.open("data", "/d/a") as file:
        assert file.read() == b"two"


def test_of_files_that_are_put_as_new_at_once_one_is_written_and_never_over_another(storage: Storage) -> None:
    together = Barrier(3)

    def one(content: bytes) -> bytes | None:
        together.wait()
        try:
            storage.put("data", "/d/a", io.BytesIO(content), new=True)
        except AlreadyExists:
            return None
        return content

    with ThreadPoolExecutor(3) as pool:
        written = [content for content in pool.map(one, (b"one", b"two", b"three")) if content]
    assert len(written) == 1
    with storage.open("data", "/d/a") as file:
        assert [file.read()] == written
    with pytest.raises(AlreadyExists):
        storage.put("data", "/d/a", io.BytesIO(b"late"), new=True)
    put(storage, "/d/a", b"over")


def test_a_file_that_breaks_off_while_it_is_put_is_not_there(storage: Storage) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() or size in {None, -1}:
                raise RuntimeError("the sender is gone")
            return super().read(1)

    put(storage, "/d/whole", b"before")
    for path in ("/d/new", "/d/whole"):
        with pytest.raises(RuntimeError, match="the sender is gone"):
            storage.put("data", path, Broken(b"12"))
    assert paths(storage) == ["/d/whole"]
    assert storage.stat("data", "/d/whole").size_bytes == 6


@pytest.mark.parametrize("path", ["/d", "/d/file/below", "/d/file/far/below"])
def test_a_file_takes_neither_a_directorys_name_nor_a_place_below_a_file(storage: Storage, path: str) -> None:
    put(storage, "/d/file", b"stays")
    with pytest.raises(AlreadyExists):
        put(storage, path)
    assert paths(storage) == ["/d/file"]


def test_the_root_is_no_name_for_a_file(storage: Storage) -> None:
    with pytest.raises(UnsafePath):
        put(storage, "//")


def test_directories_are_made_with_those_above_them(storage: Storage) -> None:
    storage.make_directory("data", "/a/b/c")
    storage.make_directory("data", "/a/b/c")
    storage.make_directory("data", "/")
    assert paths(storage, "/a/b/c") == []


def test_exclusive_directory_that_exists_is_refused(storage: Storage) -> None:
    storage.make_directory("data", "/a/b", exclusive=True)
    for path in ("/a/b", "/a", "/"):
        with pytest.raises(AlreadyExists):
            storage.make_directory("data", path, exclusive=True)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("path", ["/file", "/file/below"])
def test_directory_is_not_made_where_a_file_is(storage: Storage, path: str, exclusive: bool) -> None:
    put(storage, "/file")
    with pytest.raises(AlreadyExists):
        storage.make_directory("data", path, exclusive=exclusive)


def test_only_one_of_many_makes_an_exclusive_directory(storage: Storage) -> None:
    def make(_: int) -> bool:
        try:
            storage.make_directory("data", "/sessions/casual-bass", exclusive=True)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(32))) == 1


def test_walk_goes_in_order_of_the_whole_path(storage: Storage) -> None:
    names = ["/a/z", "/a.txt", "/a-b/c", "/a0", "/a/b/c", "/B", "/é/x", "/\U0001f9ec", "/～", "/a/b.c"]
    for name in names:
        put(storage, name)
    assert paths(storage) == sorted(names)


def test_walk_stays_below_its_directory(storage: Storage) -> None:
    for name in ("/a/x", "/ab/y", "/a/b/z", "/c"):
        put(storage, name)
    assert paths(storage, "/a") == ["/a/b/z", "/a/x"]


def test_walks_that_follow_each_other_know_nothing_of_each_other(storage: Storage) -> None:
    for name in ("/one/1", "/two/2"):
        put(storage, name)
    assert paths(storage, "/one") == ["/one/1"]
    assert paths(storage, "/two") == ["/two/2"]
    assert paths(storage, "/one") == ["/one/1"]


def test_walk_that_is_given_up_can_be_begun_again(storage: Storage) -> None:
    for index in range(5):
        put(storage, f"/d/{index}")
    walk = storage.walk("data", "/")
    assert next(walk).path == "/d/0"
    del walk
    assert len(paths(storage)) == 5


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_fixity_is_the_sha256_of_the_content(storage: Storage, size_bytes: int) -> None:
    content = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    put(storage, "/a", content)
    told, checksum = storage.fixity("data", "/a")
    assert checksum == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert told == storage.stat("data", "/a")
    assert told.size_bytes == size_bytes


def test_clear_takes_everything_below_and_nothing_beside(storage: Storage) -> None:
    for name in ("/a/b/1", "/a/b/c/2", "/a/b/c/d/3", "/a/bb/4", "/a/5"):
        put(storage, name)
    storage.make_directory("data", "/a/b/empty/deep")
    assert storage.clear("data", "/a/b") == 3
    assert paths(storage) == ["/a/5", "/a/bb/4"]
    storage.make_directory("data", "/a/b/empty", exclusive=True)
    assert storage.clear("data", "/a/b") == 0


@pytest.mark.parametrize("path", ["/", "//"])
def test_root_is_never_cleared(storage: Storage, path: str) -> None:
    put(storage, "/a")
    with pytest.raises(NotClearable):
        storage.clear("data", path)
    assert paths(storage) == ["/a"]


def test_list_tells_what_is_in_a_directory_and_not_what_is_below(storage: Storage) -> None:
    for name in ("/d/b/below", "/d/a", "/d/b.c", "/d/🧬", "/d/b/c/far", "/e"):
        put(storage, name, b"12345")
    storage.make_directory("data", "/d/empty")
    found = storage.list("data", "/d/")
    assert [(entry.path, entry.directory) for entry in found] == [
        ("/d/a", False),
        ("/d/b", True),
        ("/d/b.c", False),
        ("/d/empty", True),
        ("/d/🧬", False),
    ]
    assert found[0].size_bytes == 5
    assert found[0].modified == storage.stat("data", "/d/a").modified
    assert [entry.path for entry in storage.list("data", "/")] == ["/d", "/e"]
    assert list(storage.list("data", "/d/empty")) == []


def test_a_file_is_listed_as_itself(storage: Storage) -> None:
    put(storage, "/d/file", b"123")
    (told,) = storage.list("data", "/d/file")
    assert (told.path, told.directory, told.size_bytes) == ("/d/file", False, 3)
    assert list(storage.list("data", "/d/file", after="/d/file")) == []


def test_pages_of_a_listing_are_the_whole_listing(storage: Storage) -> None:
    for name in ("a", "a-b", "a-b/x", "a.c", "a/x", "a0", "b", "b!/x", "b/x", "c"):
        with suppress(AlreadyExists):
            put(storage, f"/d/{name}")
    whole = [entry.path for entry in storage.list("data", "/d")]
    assert whole == sorted(whole)
    for limit in (1, 2, 3, 100):
        pages, after = [], None
        while page := storage.list("data", "/d", after=after, limit=limit):
            assert len(page) <= limit
            pages += [entry.path for entry in page]
            after = pages[-1]
        assert pages == whole, limit


def test_a_file_is_deleted_and_nothing_beside(storage: Storage) -> None:
    put(storage, "/d/a")
    put(storage, "/d/a.b")
    assert storage.delete("data", "/d/a") == 1
    assert paths(storage) == ["/d/a.b"]
    with pytest.raises(NoSuchPath):
        storage.delete("data", "/d/a")


def test_a_directory_is_deleted_with_everything_below(storage: Storage) -> None:
    for name in ("/d/a/1", "/d/a/b/2", "/d/ab/3"):
        put(storage, name)
    storage.make_directory("data", "/d/a/empty/deep")
    assert storage.delete("data", "/d/a") == 2
    assert [entry.path for entry in storage.list("data", "/d")] == ["/d/ab"]
    storage.make_directory("data", "/d/a", exclusive=True)
    assert storage.delete("data", "/d/a") == 0


def test_a_file_is_moved_with_its_content(storage: Storage) -> None:
    put(storage, "/d/a b", b"content")
    storage.move("data", "/d/a b", "/e/f/é")
    assert paths(storage) == ["/e/f/é"]
    with storage.open("data", "/e/f/é") as file:
        assert file.read() == b"content"


def test_a_directory_is_moved_with_everything_below(storage: Storage) -> None:
    for name in ("/d/a/1", "/d/a/b/2", "/d/ab/3"):
        put(storage, name, name.encode())
    storage.make_directory("data", "/d/a/empty")
    storage.move("data", "/d/a", "/e/f")
    assert paths(storage) == ["/d/ab/3", "/e/f/1", "/e/f/b/2"]
    with storage.open("data", "/e/f/b/2") as file:
        assert file.read() == b"/d/a/b/2"
    assert [entry.path for entry in storage.list("data", "/e/f")] == ["/e/f/1", "/e/f/b", "/e/f/empty"]
    with pytest.raises(NoSuchPath):
        storage.list("data", "/d/a")


TAKEN = ["/taken", "/there", "/there/taken", "/empty", "/taken/below", "/d/file", "/d/directory", "/"]


@pytest.mark.parametrize("source", ["/d/file", "/d/directory"])
def test_nothing_is_moved_to_where_something_is(storage: Storage, source: str) -> None:
    for name in ("/d/file", "/d/directory/x", "/taken", "/there/taken"):
        put(storage, name, name.encode())
    storage.make_directory("data", "/empty")
    before = paths(storage)
    for to in TAKEN:
        with pytest.raises(AlreadyExists):
            storage.move("data", source, to)
    assert paths(storage) == before
    with storage.open("data", "/taken") as file:
        assert file.read() == b"/taken"


def test_a_directory_is_not_moved_below_itself(storage: Storage) -> None:
    put(storage, "/d/a/1")
    with pytest.raises(UnsafePath):
        storage.move("data", "/d", "/d/a/b")
    assert paths(storage) == ["/d/a/1"]


NOT_CLEARABLE = ["/", "//", "/safe", "/safe/", "/keep", "/keep/a", "/saferthan/a", "/saf", "/safe2"]


@checked_before
@pytest.mark.parametrize("operation", ["delete", "move", "clear"])
@pytest.mark.parametrize("path", NOT_CLEARABLE)
def test_what_is_not_strictly_below_a_clearable_prefix_stays(
    storages: Storages, operation: str, path: str
) -> None:
    storage = storages(["/safe", "/also/safe/"])
    for name in ("/safe/a", "/keep/a", "/saferthan/a", "/saf/a", "/safe2", "/also/safe/a"):
        put(storage, name)
    before = paths(storage)
    with pytest.raises(NotClearable):
        OPERATIONS[operation](storage, "data", path)
    assert paths(storage) == before


def test_what_is_strictly_below_a_clearable_prefix_goes(storages: Storages) -> None:
    storage = storages(["/safe", "/also/safe/"])
    for name in ("/safe/a", "/safe/b/c", "/safe/d\t/e", "/also/safe/f"):
        put(storage, name)
    assert storage.delete("data", "/safe//a/") == 1
    assert storage.delete("data", "/safe/d\t/e") == 1
    assert storage.clear("data", "/safe/b") == 1
    storage.move("data", "/also/safe/f", "/keep/f")
    assert paths(storage) == ["/keep/f"]


names = st.text(
    st.characters(exclude_characters="/\0\n", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name not in {".", ".."})


def test_walk_goes_on_after_any_path_as_if_it_had_never_stopped(storage: Storage) -> None:
    for name in ("/d/a-b", "/d/a/x", "/d/a/y/z", "/d/a.c", "/d/ab", "/d/b", "/e/f"):
        put(storage, name)
    whole = paths(storage, "/d")
    beyond = [
        "/",
        "/a",
        "/d",
        "/d/",
        "/d/a",
        "/d/a/",
        "/d/a/x",
        "/d/a/y",
        "/d/a/y/zz",
        "/d/a0",
        "/d/zz",
        "/d0",
        "/z",
    ]
    for after in [*whole, *beyond]:
        found = [info.path for info in storage.walk("data", "/d", after=after)]
        assert found == [path for path in whole if path > after], after


@pytest.mark.parametrize("size_bytes", [0, 1, 512, 2048, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
def test_look_tells_of_a_file_what_fixity_does_and_its_first_bytes(storage: Storage, size_bytes: int) -> None:
    content = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    put(storage, "/d/a", content)
    (told,) = storage.look("data", ["/d/a"])
    assert (told.info, told.checksum) == storage.fixity("data", "/d/a")
    assert (told.path, told.head, told.error) == ("/d/a", content[:512], None)


def test_looks_come_in_the_order_of_their_paths_however_long_each_takes(storage: Storage) -> None:
    names = [f"/d{n % 3}/{n}" for n in range(40)]
    for number, name in enumerate(names):
        put(storage, name, b"x" * (1_100_000 if number % 13 == 0 else number))
    found = list(storage.look("data", iter(names)))
    assert [look.path for look in found] == names
    assert [(look.info, look.checksum) for look in found] == [storage.fixity("data", name) for name in names]


def test_look_says_what_is_wrong_with_one_file_and_goes_on(storage: Storage) -> None:
    put(storage, "/d/a")
    put(storage, "/d/b")
    put(storage, "/x")
    wrong = ["/d/none", "/d", "/none/a", "/d/a/b", *UNSAFE, "x"]
    found = list(storage.look("data", ["/d/a", *wrong, "/d/b"]))
    assert [look.path for look in found] == ["/d/a", *wrong, "/d/b"]
    assert [look.error for look in (found[0], found[-1])] == [None, None]
    for look in found[1:5]:
        assert isinstance(look.error, NoSuchPath), look
    for look in found[5:-1]:
        assert isinstance(look.error, UnsafePath), look


def test_look_at_an_unknown_system_is_refused(storage: Storage) -> None:
    with pytest.raises(InvalidField):
        list(storage.look("nowhere", ["/a"]))


def test_looks_that_are_given_up_leave_nothing_open(storage: Storage) -> None:
    put(storage, "/d/a", b"x" * 2_000_000)
    put(storage, "/d/b")
    looks = storage.look("data", ["/d/b", "/d/a", "/d/a", "/d/b"])
    assert next(looks).path == "/d/b"
    del looks
    assert storage.clear("data", "/d") == 2


Files = dict[tuple[str, ...], bytes]
files = st.dictionaries(
    st.lists(names, min_size=1, max_size=4).map(tuple), st.binary(max_size=20), max_size=8
)


def check_walk(storage: Storage, files: Files) -> None:
    storage.make_directory("data", "/d")
    storage.clear("data", "/d")
    held = {}
    for at, content in files.items():
        path = "/d/" + "/".join(at)
        try:
            put(storage, path, content)
        except AlreadyExists:
            continue
        held[path] = len(content)
    assert [(info.path, info.size_bytes) for info in storage.walk("data", "/d")] == sorted(held.items())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=files)
@pytest.mark.parametrize("kind", ["memory", "local"])
def test_walk_yields_exactly_what_was_put(storage: Storage, files: Files) -> None:
    check_walk(storage, files)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=files)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"memory", "local"}])
def test_walk_of_a_server_yields_exactly_what_was_put(storage: Storage, files: Files) -> None:
    check_walk(storage, files)
