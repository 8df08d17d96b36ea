"""What hostile or unlucky servers do to storage systems elsewhere: nothing escapes, nothing hangs, nothing crashes."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.adapters.storage.agave import AgaveTree
from datacatalog.adapters.storage.memory import MemorySystem
from datacatalog.adapters.storage.s3 import S3System
from datacatalog.adapters.storage.s3_bucket import Bucket
from datacatalog.adapters.storage.served import ServedSystem
from datacatalog.adapters.storage.sftp import SftpTree
from datacatalog.adapters.storage.sftp_connections import Connections
from datacatalog.adapters.storage.systems import Systems
from datacatalog.adapters.storage.tapis import TapisTree
from datacatalog.domain.errors import DatacatalogError, NoSuchPath, StorageDown, UnsafePath
from tests.contracts.files_service import FilesService, files_service
from tests.contracts.s3_server import KEYS, S3Server, s3_server
from tests.contracts.sftp_server import PASSWORD, SftpServer, sftp_server

SECRET = b"what nobody here may see"


def paths(storage: Systems, path: str = "/") -> list[str]:
    return [info.path for info in storage.walk("data", path)]


def sftp_storage(server: SftpServer, root: str = "/data", entries_max: int = 1000, **changes: Any) -> Systems:
    tree = SftpTree(Connections(server.server(**changes)), root, entries_max=entries_max)
    return Systems({"data": ServedSystem("data", tree)}, clearable=["/"])


OPERATIONS: dict[str, Callable[[Systems, str], object]] = {
    "walk": paths,
    "stat": lambda storage, path: storage.stat("data", path),
    "open": lambda storage, path: storage.open("data", path).close(),
    "fixity": lambda storage, path: storage.fixity("data", path),
    "list": lambda storage, path: storage.list("data", path),
    "make_directory": lambda storage, path: storage.make_directory("data", path),
    "put": lambda storage, path: storage.put("data", path, io.BytesIO(b"mine")),
    "delete": lambda storage, path: storage.delete("data", path),
    "move": lambda storage, path: storage.move("data", path, "/moved"),
    "move_to": lambda storage, path: storage.move("data", "/real", f"{path}/moved"),
    "clear": lambda storage, path: storage.clear("data", path),
}


# ---------------------------------------------------------------------------------------------- SFTP


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """A server without a root of its own: it follows links wherever they lead on this machine."""
    folder = tmp_path_factory.mktemp("sftp")
    with sftp_server(folder, asyncssh.SFTPServer) as server:
        yield server


@pytest.fixture
def site(sftp: SftpServer, tmp_path: Path) -> Path:
    """The root of `data`, and beside it a directory with a secret."""
    (tmp_path / "outside" / "deeper").mkdir(parents=True)
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    (tmp_path / "outside" / "deeper" / "secret").write_bytes(SECRET)
    root = tmp_path / "data"
    (root / "real").mkdir(parents=True)
    (root / "real" / "kept").write_bytes(b"kept")
    return root


@pytest.mark.parametrize("target", ["outside", "..", "missing", "real", "loop"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_link_on_the_way_is_refused_by_every_operation(
    sftp: SftpServer, site: Path, operation: str, target: str
) -> None:
    storage = sftp_storage(sftp, str(site))
    link = site / "loop"
    link.symlink_to(site.parent / "outside" if target == "outside" else target)
    for path in ("/loop", "/loop/secret", "/loop/deeper/secret", "/loop/kept"):
        with pytest.raises(UnsafePath, match="link"):
            OPERATIONS[operation](storage, path)
    assert link.is_symlink()
    assert (site.parent / "outside" / "secret").read_bytes() == SECRET
    assert sorted(os.listdir(site.parent / "outside")) == ["deeper", "secret"]
    assert (site / "real" / "kept").read_bytes() == b"kept"


def test_links_and_special_files_are_not_listed_and_only_they_themselves_are_removed(
    sftp: SftpServer, site: Path
) -> None:
    storage = sftp_storage(sftp, str(site))
    for name, target in {"up": "..", "to-directory": "../outside", "to-file": "../outside/secret"}.items():
        (site / "real" / name).symlink_to(site / target)
    os.mkfifo(site / "real" / "fifo")
    assert paths(storage) == ["/real/kept"]
    assert [entry.path for entry in storage.list("data", "/real")] == ["/real/kept"]
    with pytest.raises(UnsafePath, match="special"):
        storage.open("data", "/real/fifo")
    assert storage.clear("data", "/real") == 5
    assert os.listdir(site / "real") == []
    assert sorted(os.listdir(site.parent / "outside")) == ["deeper", "secret"]


def test_names_that_are_no_text_are_passed_over_and_cleared(
    sftp: SftpServer, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = sftp_storage(sftp, str(site))
    (Path(os.fsdecode(os.fsencode(site) + b"/real/\xff\xfe"))).write_bytes(b"1")
    (site / "real" / ".datacatalog-0123456789abcdef.part").write_bytes(b"unfinished")
    with caplog.at_level(logging.WARNING):
        assert paths(storage) == ["/real/kept"]
    assert "passed over 2 names" in caplog.text
    assert storage.clear("data", "/real") == 3
    assert os.listdir(site / "real") == []


class Liar(asyncssh.SFTPServer):
    """Lists names that lead elsewhere, and writes down what it is asked for."""

    asked: list[bytes]
    names: tuple[bytes, ...] = (
        b"..",
        b".",
        b"",
        b"../../outside",
        b"/etc",
        b"a/b",
        b"x\0y",
        b"n" * 300,
        b"good",
    )

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        attributes = asyncssh.SFTPAttrs(size=3, permissions=0o100644, atime=1, mtime=1)

        async def lies() -> AsyncIterator[asyncssh.SFTPName]:
            for name in self.names:
                yield asyncssh.SFTPName(name, attrs=attributes)

        return lies()

    def remove(self, path: bytes) -> None:
        self.asked.append(path)

    def rmdir(self, path: bytes) -> None:
        self.asked.append(path)


def liar(folder: Path, **values: Any) -> Callable[[Any], asyncssh.SFTPServer]:
    (folder / "root" / "data" / "d").mkdir(parents=True)
    kind = type("Liar", (Liar,), {"asked": [], **values})
    return lambda channel: kind(channel, chroot=os.fsencode(folder / "root"))


def test_listed_names_that_lead_elsewhere_are_neither_told_nor_removed(tmp_path: Path) -> None:
    asked: list[bytes] = []
    with sftp_server(tmp_path, liar(tmp_path, asked=asked)) as server:
        storage = sftp_storage(server)
        assert paths(storage, "/d") == ["/d/good"]
        assert [entry.path for entry in storage.list("data", "/d")] == ["/d/good"]
        storage.clear("data", "/d")
    assert set(asked) == {b"/data/d/good", b"/data/d/" + b"n" * 300}


def test_a_listing_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    names = tuple(b"%d" % number for number in range(1200))
    with sftp_server(tmp_path, liar(tmp_path, names=names)) as server:
        with pytest.raises(StorageDown, match="more than 1000"):
            paths(sftp_storage(server), "/d")
        assert len(paths(sftp_storage(server, entries_max=1200), "/d")) == 1200


class Sleeper(asyncssh.SFTPServer):
    """Answers nothing."""

    async def lstat(self, path: bytes) -> Any:
        await asyncio.sleep(60)


def test_a_server_that_keeps_silent_is_waited_for_as_long_as_is_configured(tmp_path: Path) -> None:
    with sftp_server(tmp_path, Sleeper) as server:
        storage = sftp_storage(server, timeout_s=0.5)
        began = time.monotonic()
        with pytest.raises(StorageDown):
            storage.stat("data", "/d/file")
        assert time.monotonic() - began < 10


def test_a_server_that_is_not_known_or_knows_us_not_gets_nothing(
    sftp: SftpServer, site: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other_hosts"
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    other.write_text(f"[127.0.0.1]:{sftp.port} {key}")
    nobody = tmp_path / "no_hosts"
    nobody.write_text("")
    for changes in ({"known_hosts": other}, {"known_hosts": nobody}, {"password": "not-it"}, {"port": 1}):
        with pytest.raises(StorageDown) as refused:
            paths(sftp_storage(sftp, str(site), **changes))
        assert PASSWORD not in str(refused.value)
        assert "not-it" not in str(refused.value)


def test_a_connection_that_was_cut_is_made_anew(sftp: SftpServer, site: Path) -> None:
    storage = sftp_storage(sftp, str(site))
    for _ in range(3):
        assert storage.stat("data", "/real/kept").size_bytes == 4
        sftp.hang_up()
    assert paths(storage) == ["/real/kept"]


def test_a_file_that_breaks_off_while_it_is_read_is_no_file(sftp: SftpServer, site: Path) -> None:
    (site / "large").write_bytes(b"x" * 8_000_000)
    with sftp_storage(sftp, str(site)).open("data", "/large") as file:
        file.read(100_000)
        sftp.hang_up()
        with pytest.raises(StorageDown):
            file.read()


# ------------------------------------------------------------------------------------------------ S3


ODD_KEYS = ["d//b", "../x", "d/../e", "d/./f", "/d/g", "d/" + "n" * 300, "d//", "d/.", "d/..", "d/a//"]


@pytest.fixture(scope="module")
def s3_site() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def s3(s3_site: S3Server) -> Bucket:
    return s3_site.bucket("hostile", page_keys=10)


def test_keys_that_are_no_paths_are_passed_over_and_cleared(
    s3: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Systems({"data": S3System("data", s3, "one")}, clearable=["/"])
    for key in (*ODD_KEYS, "d/good", "d/a/b", "d/a", "other"):
        s3.put(f"one/{key}", b"123")
    s3.put("one-more/d/kept", b"1")
    s3.put("onemore", b"1")
    with caplog.at_level(logging.WARNING):
        assert paths(storage) == ["/d/a", "/d/a/b", "/d/good", "/other"]
    assert "no paths" in caplog.text
    assert [(entry.path, entry.directory) for entry in storage.list("data", "/d")] == [
        ("/d/a", True),
        ("/d/good", False),
    ]
    assert [entry.path for entry in storage.list("data", "/")] == ["/d", "/other"]
    storage.clear("data", "/d")
    left = [item.key for item in s3.items("one/")]
    assert left == ["one/../x", "one//d/g", "one/d/", "one/other"]
    assert [item.key for item in s3.items("one-")] == ["one-more/d/kept"]
    assert s3.find("onemore") is not None


def test_listings_of_more_than_a_page_are_whole_in_order_and_cleared(s3: Bucket) -> None:
    storage = Systems({"data": S3System("data", s3, "many")}, clearable=["/"])
    names = sorted(f"/d/{n:04}" for n in range(55))
    for name in names:
        s3.put(f"many{name}", b"")
    assert paths(storage) == names
    assert [info.path for info in storage.walk("data", "/d", after=names[21])] == names[22:]
    assert [entry.path for entry in storage.list("data", "/d", after=names[30], limit=2)] == names[31:33]
    assert storage.clear("data", "/d") == 55
    assert paths(storage, "/d") == []


def test_files_in_parts_are_read_back_and_leave_nothing_where_they_break_off(s3: Bucket) -> None:
    storage = Systems({"data": S3System("data", s3, "parts")}, clearable=["/"])
    content = os.urandom(1024 * 1024) * 17
    storage.put("data", "/large", io.BytesIO(content))
    with storage.open("data", "/large") as file:
        assert file.read() == content

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 16 * 1024 * 1024:
                raise RuntimeError("the sender is gone")
            return super().read(size)

    with pytest.raises(RuntimeError):
        storage.put("data", "/broken", Broken(content))
    assert paths(storage) == ["/large"]


def test_a_bucket_that_is_not_there_is_told_so(s3_site: S3Server) -> None:
    bucket = Bucket("nowhere", endpoint_url=s3_site.url, region="us-east-1", keys=KEYS)
    storage = Systems({"data": S3System("data", bucket)}, clearable=[])
    with pytest.raises(StorageDown) as refused:
        storage.list("data", "/")
    assert KEYS["secret_access_key"] not in str(refused.value)


# -------------------------------------------------------------------------------- Agave and Tapis


@pytest.fixture(scope="module")
def files() -> Iterator[FilesService]:
    with files_service() as service:
        service.systems["there"] = MemorySystem("there")
        yield service


@pytest.fixture(params=["agave", "tapis"])
def far(request: pytest.FixtureRequest, files: FilesService) -> Iterator[Systems]:
    if request.param == "agave":
        tree: Any = AgaveTree(files.conversation("Authorization", "Bearer"), "there")
    else:
        tree = TapisTree(files.conversation("X-Tapis-Token"), "there")
    yield Systems({"data": ServedSystem("data", tree)}, clearable=["/"])
    files.listing = None


def entry(name: str, type: str = "file", **changes: Any) -> dict[str, Any]:
    told = {
        "name": name,
        "path": name,
        "type": type,
        "lastModified": "2026-01-01T00:00:00Z",
        "length": 3,
        "size": 3,
    }
    return told | changes


def test_odd_entries_of_a_service_are_passed_over(files: FilesService, far: Systems) -> None:
    odd = ["..", "../up", "/etc/passwd", "a/b", "n" * 300, "..."]
    files.listing = [
        entry("."),
        *map(entry, odd),
        entry("link", "symbolic_link"),
        entry("twice"),
        entry("twice"),
    ]
    found = [listed.path for listed in far.list("data", "/")]
    assert found == ["/...", "/twice"]


@pytest.mark.parametrize(
    "listing",
    [
        [entry(".", "dir"), {"name": "no type"}],
        [entry(".", "dir"), {"type": "file"}],
        [entry(".", "dir"), entry("date", lastModified="yesterday")],
        ["text"],
        [entry(".", "dir"), entry("x\0y")],
        [entry(".", "dir"), entry("\ud800")],
        [None],
        [entry(".", "dir"), entry("x") | {"name": 17}],
    ],
)
def test_listings_that_are_none_are_told_as_trouble(files: FilesService, far: Systems, listing: Any) -> None:
    files.listing = listing
    with pytest.raises(StorageDown):
        paths(far)


def test_a_tree_that_goes_down_for_ever_comes_to_an_end(files: FilesService, far: Systems) -> None:
    files.listing = [entry(".", "dir"), entry("d" * 250, "dir"), entry("file")]
    assert len(paths(far)) < 100


def test_what_a_service_refuses_is_an_error_of_ours_without_the_token(files: FilesService) -> None:
    for url in (files.url, "http://127.0.0.1:1"):
        service = Conversation(
            WebOutgoing(Policy(origins=[url])), url, Fixed("wrong-token"), header="X-Tapis-Token"
        )
        storage = Systems({"data": ServedSystem("data", TapisTree(service, "there"))}, clearable=["/"])
        for operation in OPERATIONS.values():
            with pytest.raises(DatacatalogError) as refused:
                operation(storage, "/d/f")
            assert not isinstance(refused.value, NoSuchPath)
            assert "wrong-token" not in str(refused.value)
