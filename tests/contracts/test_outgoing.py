"""What every way out promises; see datacatalog.ports.outgoing."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from datacatalog.adapters.outgoing.memory import MemoryOutgoing, Sent
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.domain.errors import ForbiddenTarget, InvalidField
from datacatalog.ports.outgoing import Outgoing, Reply

CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Way:
    """A way out, what it leads to, and what came through.

    Attributes:
        url: of the server that may be reached; it answers `/<status>` with that status, and the body it was sent.
        forbidden: of a server that may not be reached, without a slash at its end.
    """

    out: Outgoing
    url: str
    forbidden: str
    sent: list[Sent]


def answered(sent: Sent) -> Reply:
    status = int(sent.url.rpartition("/")[2].partition("?")[0] or 200)
    headers = {"X-Said": "yes"} | ({"Location": "http://other.example.org/"} if status == 302 else {})
    return Reply(status=status, headers=headers, body=sent.body or b"nothing")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[Sent]]]:
    came: list[Sent] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = Sent(method=self.command, url=self.path, headers=dict(self.headers), body=body)
            came.append(sent)
            reply = answered(sent)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.daemon_threads = True
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}", came
        serving.shutdown()
        thread.join()


@pytest.fixture(params=["memory", "web"])
def way(request: pytest.FixtureRequest, server: tuple[str, list[Sent]]) -> Way:
    url, came = server
    forbidden = "http://127.0.0.1:1"
    if request.param == "memory":
        out = MemoryOutgoing(answer=answered, forbidden=(forbidden,))
        return Way(out, url, forbidden, out.sent)
    came.clear()
    return Way(WebOutgoing(Policy(origins=[url])), url, forbidden, came)


# --------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("status", [200, 201, 404, 429, 500, 302])
def test_answer_is_told_whatever_its_status(way: Way, status: int) -> None:
    reply = way.out.send("POST", f"{way.url}/{status}", body=b"salsa")
    assert (reply.status, reply.body, reply.ok) == (status, b"salsa", status < 300)
    assert reply.headers["x-said"] == "yes"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_is_sent_arrives(way: Way, method: str) -> None:
    way.out.send(method, f"{way.url}/200?a=1&b=%2F", headers={"X-Taco": "soft"}, body=b"salsa")
    [sent] = way.sent
    assert (sent.method, sent.body) == (method, b"salsa")
    assert {name.lower(): value for name, value in sent.headers.items()}["x-taco"] == "soft"
    assert sent.url.endswith("/200?a=1&b=%2F")


def test_empty_file_is_sent_as_no_content_on_a_connection_that_stays_good(way: Way) -> None:
    assert way.out.send("PUT", f"{way.url}/200", body=io.BytesIO()).ok
    assert way.out.send("PUT", f"{way.url}/200", body=b"more").ok
    assert [sent.body for sent in way.sent] == [b"", b"more"]
    assert not any("transfer-encoding" in {name.lower() for name in sent.headers} for sent in way.sent)


def test_file_is_sent_from_where_it_stands(way: Way) -> None:
    file = io.BytesIO(b"lettuce and salsa")
    file.seek(len(b"lettuce and "))
    assert way.out.send("PUT", f"{way.url}/200", body=file).body == b"salsa"


def test_nothing_is_sent_as_an_empty_body(way: Way) -> None:
    assert way.out.send("POST", f"{way.url}/200").body == b"nothing"
    assert way.sent[0].body == b""


def test_stream_is_the_answer_in_pieces(way: Way) -> None:
    with way.out.open("GET", f"{way.url}/404", headers={"X-Taco": "soft"}) as stream:
        assert (stream.status, stream.headers["x-said"]) == (404, "yes")
        assert b"".join(stream.chunks) == b"nothing"


def test_redirect_to_elsewhere_is_an_answer(way: Way) -> None:
    reply = way.out.send("GET", f"{way.url}/302")
    assert (reply.status, reply.headers["location"]) == (302, "http://other.example.org/")
    assert len(way.sent) == 1


# ------------------------------------------------------------------------------------------- refusals


NO_URLS = [
    "",
    "taco",
    "//127.0.0.1/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "http://",
    "http:///path",
    "http://user@127.0.0.1/",
    f"http://user:{CANARY}@127.0.0.1/",
    "http://127.0.0.1\\@other.example.org/",
    "http://127.0.0.1\r\nX-Evil: 1/",
    "http://127.0.0.1/\r\nX-Evil:1",
    "http://127.0.0.1/a b",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:x/",
    "http://tacö.example.org/",
    "http://127.0.0.1/salsa\u00e9",
    "http://127.0.0.1%2eexample.org/",
    "http://[::1/",
    "http://[fe80::1%25lo]/",
]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_plain_url_is_refused_and_nothing_is_sent(way: Way, url: str) -> None:
    with pytest.raises(InvalidField) as refused:
        way.out.check(url, "notifications/0/url")
    assert refused.value.field == "notifications/0/url"
    assert CANARY not in str(refused.value)
    with pytest.raises(ForbiddenTarget):
        way.out.send("GET", url)
    with pytest.raises(ForbiddenTarget), way.out.open("GET", url):
        pass
    assert way.sent == []


def test_forbidden_target_is_refused_by_its_origin_alone(way: Way) -> None:
    url = f"{way.forbidden}/{CANARY}?{CANARY}#{CANARY}"
    with pytest.raises(InvalidField, match=r"http://127\.0\.0\.1:1 is none of the hosts") as told:
        way.out.check(url, "url")
    with pytest.raises(ForbiddenTarget, match=r"http://127\.0\.0\.1:1 is none of the hosts") as refused:
        way.out.send("GET", url)
    assert CANARY not in f"{told.value!r}{refused.value!r}{refused.value.__cause__!r}"
    assert way.sent == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Taco": "soft\r\nX-Evil: 1"},
        {"X-Taco": "soft\n"},
        {"X-Taco": "soft\0"},
        {"X-Taco": "\u2028"},
        {"X-Taco\r\nX-Evil": "1"},
        {"X Taco": "soft"},
        {"X-Taco:": "soft"},
        {"": "soft"},
        {"Host": "other.example.org"},
        {"transfer-encoding": "chunked"},
    ],
)
def test_header_that_would_be_read_otherwise_is_refused_and_nothing_is_sent(
    way: Way, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidField, match="headers") as refused:
        way.out.send("POST", f"{way.url}/200", headers={**headers, "Authorization": CANARY})
    assert CANARY not in str(refused.value)
    with pytest.raises(InvalidField, match="headers"), way.out.open("GET", f"{way.url}/200", headers=headers):
        pass
    assert way.sent == []


@pytest.mark.parametrize("method", ["", "get", "GET /evil HTTP/1.1\r\n", "GET "])
def test_method_that_is_none_is_refused(way: Way, method: str) -> None:
    with pytest.raises(InvalidField, match="method"):
        way.out.send(method, f"{way.url}/200")
    assert way.sent == []
