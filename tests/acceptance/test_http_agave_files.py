"""/files/v2: what is in storage systems, and what may be done to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.agave import ask, bearer, result, root
from tests.acceptance.site import Site, closed, opened, refused
from tests.harness import SYSTEM, install

LISTINGS, MEDIA = f"/files/v2/listings/system/{SYSTEM}", f"/files/v2/media/system/{SYSTEM}"
LIMIT = 100_000
_numbers = count()


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = opened(install(tmp_path_factory.mktemp("site"), gateway={"max_upload_bytes": LIMIT}))
    yield site
    closed(site)


@pytest.fixture
def here(site: Site) -> Path:
    """A directory of the default system for one test alone; its name is the path below the root."""
    folder = root(site) / f"test-{next(_numbers)}"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"0123456789")
    return folder


def upload(site: Site, path: str, name: str, content: bytes, **more: Any) -> Any:
    return ask(site, "POST", f"{MEDIA}{path}", files={"fileToUpload": (name, content)}, **more)


def left_over(site: Site) -> list[str]:
    """Return what an upload could have left behind."""
    work = site.catalog.home / "platform"
    return [name for name in (os.listdir(work) if work.is_dir() else []) if name != "apps"]


# ------------------------------------------------------------------------------------------- listings


def test_directory_is_listed_with_itself_first(site: Site, here: Path):
    found = result(ask(site, "GET", f"{LISTINGS}/{here.name}"))
    assert [(each["name"], each["type"], each["length"]) for each in found] == [
        (".", "dir", 0), ("a.txt", "file", 10), ("sub", "dir", 0),
    ]  # fmt: skip
    assert found[1] == {
        "name": "a.txt",
        "path": f"/{here.name}/a.txt",
        "type": "file",
        "format": "raw",
        "mimeType": "text/plain",
        "length": 10,
        "lastModified": found[1]["lastModified"],
        "permissions": "READ_WRITE",
        "system": SYSTEM,
        "_links": {"self": {"href": f"{site.catalog.url}{MEDIA}/{here.name}/a.txt"}},
    }
    assert result(ask(site, "GET", f"/files/v2/listings/{here.name}")) == found


def test_listing_is_read_in_pages(site: Site, here: Path):
    for n in range(5):
        (here / f"f{n}").touch()
    names = [each["name"] for each in result(ask(site, "GET", f"{LISTINGS}/{here.name}"))]
    pages = [
        [each["name"] for each in result(ask(site, "GET", f"{LISTINGS}/{here.name}", params=page))]
        for page in ({"limit": 3}, {"limit": 3, "offset": 3}, {"limit": 3, "offset": 6}, {"offset": 9})
    ]
    assert [name for page in pages for name in page] == names


def test_file_is_listed_as_itself_and_an_empty_directory_as_nothing_else(site: Site, here: Path):
    assert [each["name"] for each in result(ask(site, "GET", f"{LISTINGS}/{here.name}/a.txt"))] == ["a.txt"]
    assert [each["name"] for each in result(ask(site, "GET", f"{LISTINGS}/{here.name}/sub/"))] == ["."]


def test_answers_are_indented_or_naked_where_that_is_asked_for(site: Site, here: Path):
    assert "\n  " in ask(site, "GET", f"{LISTINGS}/{here.name}", params={"pretty": "true"}).text
    assert isinstance(ask(site, "GET", f"{LISTINGS}/{here.name}", params={"naked": "true"}).json(), list)
    assert refused(ask(site, "GET", f"{LISTINGS}/{here.name}", params={"pretty": "yes"}), 400)
    assert refused(
        ask(site, "GET", f"{LISTINGS}/{here.name}", params={"naked": "true", "order": "name"}), 400
    )


# ------------------------------------------------------------------------- out of bounds, in every form


@pytest.mark.parametrize(
    "path",
    [
        "/%2e%2e/%2e%2e/secrets.json",
        "/sub/%2e%2e/%2e%2e/%2e%2e/secrets.json",
        "/%2e%2e%2f%2e%2e%2fsecrets.json",
        "/..%5c..%5csecrets.json/%2e%2e",
        "/sub/%2e",
        "/a%00b",
        "/a%ffb",
        "/" + "n" * 300,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "LIST"])
def test_path_that_leads_elsewhere_is_refused_whatever_its_form(
    site: Site, here: Path, method: str, path: str
):
    before = sorted(here.rglob("*"))
    if method == "LIST":
        answer = ask(site, "GET", f"{LISTINGS}/{here.name}{path}")
    elif method == "POST":
        answer = upload(site, f"/{here.name}{path}", "new.txt", b"x")
    else:
        more = {"json": {"action": "mkdir", "path": "new"}} if method == "PUT" else {}
        answer = ask(site, method, f"{MEDIA}/{here.name}{path}", **more)
    assert refused(answer, 400)["code"] == "unsafe-path"
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("path", ["../new", "sub/../../new", "n/" + "n" * 300])
@pytest.mark.parametrize("action", ["mkdir", "move", "copy", "rename"])
def test_order_that_leads_elsewhere_is_refused(site: Site, here: Path, action: str, path: str):
    answer = ask(site, "PUT", f"{MEDIA}/{here.name}/a.txt", json={"action": action, "path": path})
    assert refused(answer, 400)["code"] in ("unsafe-path", "invalid-field")
    assert (here / "a.txt").exists()


def test_repeated_slashes_lead_nowhere_else(site: Site, here: Path):
    assert ask(site, "GET", f"{MEDIA}//{here.name}//a.txt").content == b"0123456789"
    assert ask(site, "GET", f"{MEDIA}//etc//passwd").status_code == 404


def test_line_breaks_are_part_of_a_name(site: Site, here: Path):
    folder = root(site) / "products" / "v2" / here.name
    (folder / "a\nb").mkdir(parents=True)
    for name in ("x", "x\n", "a\nb/y\n"):
        (folder / name).write_text(name)
    base = f"/products/v2/{here.name}"
    assert ask(site, "GET", f"{MEDIA}{base}/a%0Ab/y%0A").text == "a\nb/y\n"
    assert [each["name"] for each in result(ask(site, "GET", f"{LISTINGS}{base}/a%0Ab"))] == [".", "y\n"]
    result(ask(site, "DELETE", f"{MEDIA}{base}/x%0A"))
    assert [(folder / name).exists() for name in ("x", "x\n")] == [True, False]


def test_links_are_neither_followed_nor_listed(site: Site, here: Path):
    (here / "link.txt").symlink_to(site.catalog.home / "secrets.json")
    (here / "up").symlink_to(site.catalog.home)
    assert [e["name"] for e in result(ask(site, "GET", f"{LISTINGS}/{here.name}"))] == [".", "a.txt", "sub"]
    for path in ("link.txt", "up/secrets.json"):
        assert refused(ask(site, "GET", f"{MEDIA}/{here.name}/{path}"), 400)["code"] == "unsafe-path"
    assert refused(upload(site, f"/{here.name}/up", "x", b"x"), 400)["code"] == "unsafe-path"


def test_unknown_system_is_said_to_be_unknown(site: Site):
    for method, what in (("GET", "listings"), ("GET", "media"), ("DELETE", "media")):
        answer = ask(site, method, f"/files/v2/{what}/system/elsewhere/a.txt")
        assert refused(answer, 404)["code"] == "unknown-record"


# ----------------------------------------------------------------------------------- downloads


def test_file_is_downloaded_whole_and_no_browser_shows_it(site: Site, here: Path):
    (here / "päge.html").write_text("<script>alert(1)</script>")
    answer = ask(site, "GET", f"{MEDIA}/{here.name}/päge.html")
    assert (answer.status_code, answer.text) == (200, "<script>alert(1)</script>")
    assert answer.headers["content-length"] == "25"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''p%C3%A4ge.html"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "http", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-99", 200, b"0123456789", None),
        ("bytes=0-9", 200, b"0123456789", None),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
def test_part_of_a_file_is_sent_where_one_is_asked_for(
    site: Site, here: Path, asked: str, http: int, content: bytes, told: str | None
):
    answer = ask(site, "GET", f"{MEDIA}/{here.name}/a.txt", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (http, content)
    assert answer.headers.get("content-range") == told


def test_directory_and_what_is_not_there_cannot_be_downloaded(site: Site, here: Path):
    for path in (f"/{here.name}", f"/{here.name}/none", ""):
        assert refused(ask(site, "GET", f"{MEDIA}{path}"), 404)["code"] == "no-such-path"
    assert ask(site, "HEAD", f"{MEDIA}/{here.name}/a.txt").headers["content-length"] == "10"


# ------------------------------------------------------------------------------------- uploads


def test_file_is_put_into_a_directory_or_under_its_own_path(site: Site, here: Path):
    made = result(upload(site, f"/{here.name}/sub", "new.csv", b"1,2\r\n--\r\n"), 201)
    assert (made["path"], made["length"], made["mimeType"]) == (f"/{here.name}/sub/new.csv", 9, "text/csv")
    assert (here / "sub" / "new.csv").read_bytes() == b"1,2\r\n--\r\n"
    result(upload(site, f"/{here.name}/named.csv", "named.csv", b""), 201)
    assert (here / "named.csv").read_bytes() == b""
    form = {"data": {"fileName": "called.csv"}, "files": {"fileToUpload": ("x/y\\local.csv", b"3")}}
    assert result(ask(site, "POST", f"{MEDIA}/{here.name}", **form), 201)["name"] == "called.csv"
    assert refused(upload(site, f"/{here.name}/none/here", "x.csv", b"1"), 404)["code"] == "no-such-path"
    assert left_over(site) == []


def test_file_that_is_there_is_written_over_only_where_it_might_be_removed(site: Site, here: Path):
    twice = upload(site, f"/{here.name}", "a.txt", b"new")
    assert refused(twice, 409)["code"] == "already-exists"
    assert "storage.clearable" in twice.json()["message"]
    assert (here / "a.txt").read_bytes() == b"0123456789"
    folder = root(site) / "products" / "v2" / here.name
    folder.mkdir(parents=True)
    for content in (b"old", b"new"):
        result(upload(site, f"/products/v2/{here.name}", "a.txt", content), 201)
    assert (folder / "a.txt").read_bytes() == b"new"


def test_upload_over_the_limit_leaves_nothing(site: Site, here: Path):
    assert refused(upload(site, f"/{here.name}", "big", b"x" * LIMIT), 413)["code"] == "too-large"
    assert not (here / "big").exists()
    result(upload(site, f"/{here.name}", "fits", b"x" * (LIMIT - 400)), 201)
    assert left_over(site) == []


HEAD = b'--b\r\nContent-Disposition: form-data; name="fileToUpload"; filename="cut.txt"\r\n\r\n'


def raw(site: Site, path: str, *pieces: bytes, whole: bool, boundary: str = "b") -> int | None:
    """Send an upload piece by piece; without `whole`, hang up after the last one. Return the status of the answer."""
    sent: list[dict[str, Any]] = []
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not whole}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": f"x-nonce={site.catalog.nonce}".encode(),
        "headers": [(b"content-type", f"multipart/form-data; boundary={boundary}".encode())],
        "client": ("10.9.9.9", 1),
    }
    asyncio.run(site.client.app(scope, receive, send))  # type: ignore[arg-type]
    return next((message["status"] for message in sent if message["type"] == "http.response.start"), None)


@pytest.mark.parametrize("pieces", [[HEAD], [HEAD, b"some of it"], [HEAD + b"some\r\n--b"], [HEAD[:30]]])
def test_upload_that_is_cut_off_leaves_nothing(site: Site, here: Path, pieces: list[bytes]):
    raw(site, f"{MEDIA}/{here.name}", *pieces, whole=False)
    assert raw(site, f"{MEDIA}/{here.name}", *pieces, whole=True) == 400
    assert not (here / "cut.txt").exists()
    assert left_over(site) == []


def test_upload_in_pieces_of_any_size_is_the_same_file(site: Site, here: Path):
    content = b"\r\n--\r\n--c\r\n-b--b\r\n\r\n--" + bytes(range(256))
    body = HEAD + content + b"\r\n--b--\r\n"
    for size in (1, 2, 3, 7, 64, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        folder = here / str(size)
        folder.mkdir()
        assert raw(site, f"{MEDIA}/{here.name}/{size}", *pieces, whole=True) == 201
        assert (folder / "cut.txt").read_bytes() == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b"no form at all",
        b"--b\r\n\r\nno headers\r\n--b--",
        b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="fileToUpload"\r\n\r\nx\r\n--b--',
        b'--b\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\nx\r\n--b--',
        HEAD + b"x\r\n" + HEAD + b"y\r\n--b--",
        HEAD + b'x\r\n--b\r\nContent-Disposition: form-data; name="fileName"\r\n\r\n..\r\n--b--',
        HEAD + b'x\r\n--b\r\nContent-Disposition: form-data; name="callbackURL"\r\n\r\nhttp://x\r\n--b--',
        b"--b\r\nContent-Disposition: form-data; name=" + b"n" * 20_000 + b"\r\n\r\nx\r\n--b--",
        b"--bx\r\n",
    ],
)
def test_form_that_is_no_upload_is_refused(site: Site, here: Path, body: bytes):
    assert raw(site, f"{MEDIA}/{here.name}", body, whole=True) == 400
    assert sorted(each.name for each in here.iterdir()) == ["a.txt", "sub"]


def test_upload_that_is_called_otherwise_is_refused(site: Site, here: Path):
    for called in ("text/plain", "application/octet-stream", ""):
        answer = ask(site, "POST", f"{MEDIA}/{here.name}", content=b"x", headers={"Content-Type": called})
        assert refused(answer, 415)["code"] == "unsupported-media"
    answer = ask(
        site, "POST", f"{MEDIA}/{here.name}", content=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert refused(answer, 400)["code"] == "bad-message"


def test_file_is_fetched_from_a_storage_system_here_and_from_nowhere_else(site: Site, here: Path):
    source = {"urlToIngest": f"agave://{SYSTEM}/{here.name}/a.txt"}
    assert result(ask(site, "POST", f"{MEDIA}/{here.name}/sub", json=source), 201)["name"] == "a.txt"
    named = {**source, "fileName": "b.txt", "fileType": ""}
    assert result(ask(site, "POST", f"{MEDIA}/{here.name}/sub", data=named), 201)["name"] == "b.txt"
    assert (here / "sub" / "b.txt").read_bytes() == b"0123456789"
    elsewhere = {"urlToIngest": "http://169.254.169.254/latest"}
    assert refused(ask(site, "POST", f"{MEDIA}/{here.name}", json=elsewhere), 403)["code"] == "not-supported"


# ------------------------------------------------------------------------------ directories and moves


def test_directories_are_made_and_files_copied(site: Site, here: Path):
    made = ask(site, "PUT", f"{MEDIA}/{here.name}", json={"action": "mkdir", "path": "x/y"})
    assert (result(made)["path"], (here / "x" / "y").is_dir()) == (f"/{here.name}/x/y", True)
    copy = {"action": "copy", "path": f"{here.name}/x/b.txt"}
    assert result(ask(site, "PUT", f"{MEDIA}/{here.name}/a.txt", data=copy))["length"] == 10
    assert (here / "x" / "b.txt").read_bytes() == b"0123456789"
    again = ask(
        site, "PUT", f"{MEDIA}/{here.name}/x/b.txt", json={"action": "copy", "path": f"/{here.name}/a.txt"}
    )
    assert refused(again, 409)["code"] == "already-exists"
    for order in ({"action": "burn", "path": "x"}, {"action": "mkdir"}, {"action": "rename", "path": "a/b"}):
        assert refused(ask(site, "PUT", f"{MEDIA}/{here.name}", json=order), 400)


def test_json_that_is_called_a_form_is_told_so(site: Site, here: Path):
    # What curl sends with --data and nothing else.
    called = {"Content-Type": "application/x-www-form-urlencoded"}
    order = b' {"action": "mkdir", "path": "x"}'
    answer = ask(site, "PUT", f"{MEDIA}/{here.name}", content=order, headers=called)
    assert refused(answer, 400)["code"] == "bad-message"
    assert "Content-Type: application/json" in answer.json()["message"]
    assert not (here / "x").exists()


def test_only_what_may_be_cleared_is_moved_or_removed(site: Site, here: Path):
    for order in ({"action": "move", "path": f"/{here.name}/b.txt"}, {"action": "rename", "path": "b.txt"}):
        answer = ask(site, "PUT", f"{MEDIA}/{here.name}/a.txt", json=order)
        assert refused(answer, 403)["code"] == "not-clearable"
    assert refused(ask(site, "DELETE", f"{MEDIA}/{here.name}/a.txt"), 403)["code"] == "not-clearable"
    assert (here / "a.txt").exists()
    base = f"/products/v2/{here.name}"
    folder = root(site) / base[1:]
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"x")
    assert (
        result(ask(site, "PUT", f"{MEDIA}{base}/a.txt", json={"action": "rename", "path": "b.txt"}))["name"]
        == "b.txt"
    )
    order = {"action": "move", "path": f"{base}/sub/c.txt"}
    assert result(ask(site, "PUT", f"{MEDIA}{base}/b.txt", json=order))["path"] == f"{base}/sub/c.txt"
    assert result(ask(site, "DELETE", f"{MEDIA}{base}"))["files"] == 1
    assert not folder.exists()


# --------------------------------------------------------------------------------------- who may


def test_reading_takes_less_than_writing(site: Site, here: Path):
    reader, runner = bearer(site, level="READ"), bearer(site, level="EXECUTE")
    found = result(ask(site, "GET", f"{LISTINGS}/{here.name}", by=reader))
    assert {each["permissions"] for each in found} == {"READ"}
    for by in (reader, runner):
        assert upload(site, f"/{here.name}", "x", b"x", by=by).status_code in (401, 403)
        assert ask(site, "DELETE", f"{MEDIA}/{here.name}/a.txt", by=by).status_code in (401, 403)
    assert site.client.get(f"{LISTINGS}/{here.name}").status_code == 401
