"""Requests over real sockets, to servers that mean no good."""

from __future__ import annotations

import gzip
import io
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.adapters.outgoing.web import REDIRECTS_MAX, Policy, WebOutgoing
from datacatalog.domain.errors import DatacatalogError, ForbiddenTarget, Unreachable
from tests.integration.wire import Exchange, Script, Wire, serving, until

CANARY = "canary"
HOOKS = "hooks.example.org"
LOOPBACK = ("127.0.0.0/8", "::1/128")


def ok(asked: Exchange) -> None:
    asked.say("200 OK", body=b"taco")


def reaching(*urls: str, **policy: Any) -> WebOutgoing:
    """A way out to servers that are configured by name."""
    return WebOutgoing(Policy(origins=urls, **{"read_timeout_s": 2, "total_timeout_s": 5, **policy}))


def resolving(*answers: Sequence[str] | Exception) -> Callable[[str], Sequence[str]]:
    """A resolver that gives these answers, one after the other, and goes on with the last."""
    left = list(answers)

    def resolve(host: str) -> Sequence[str]:
        assert host == HOOKS
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolve


def hooks(wire: Wire, resolver: Callable[[str], Sequence[str]], **policy: Any) -> tuple[WebOutgoing, str]:
    """A way out to a host of the allow-list, and its URL."""
    allowing = Policy(hosts=[f"{HOOKS}:{wire.port}"], **{"connect_timeout_s": 0.5, **policy})
    return WebOutgoing(allowing, resolver=resolver), f"http://{HOOKS}:{wire.port}/hook?token={CANARY}"


def refused(out: WebOutgoing, url: str, method: str = "GET") -> DatacatalogError:
    """Return why a request comes to nothing; it is told at once, and without the URL."""
    begun = time.monotonic()
    with pytest.raises((Unreachable, ForbiddenTarget)) as error:
        out.send(method, url)
    assert time.monotonic() - begun < 4
    assert CANARY not in f"{error.value!r}{error.value.__cause__!r}"
    return error.value


# ------------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_port_or_host_is_the_answer_and_nobody_asks_there(status: int) -> None:
    with serving(ok) as other:
        away = [f"{other.url}/x", f"//127.0.0.2:{other.port}/x", f"http://localhost:{other.port}/"]
        with serving(
            lambda asked: asked.say(f"{status} Found", f"Location: {away[int(asked.path[1:])]}")
        ) as wire:
            out = reaching(wire.url, other.url, f"http://127.0.0.2:{other.port}")
            for number, location in enumerate(away):
                reply = out.send("GET", f"{wire.url}/{number}")
                assert (reply.status, reply.headers["location"]) == (status, location)
        assert other.came == []


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1:{port}/", "http://user@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@x/", "http://[::1/",
     "ftp://127.0.0.1:{port}/", "http://127.0.0.1:{port}/a b", "/caf\u00e9", "file:///etc/passwd", ""],
)  # fmt: skip
def test_redirect_that_leads_nowhere_good_is_the_answer(location: str) -> None:
    with serving(
        lambda asked: asked.say("302 Found", f"Location: {location.format(port=wire.port)}")
    ) as wire:
        assert reaching(wire.url).send("GET", wire.url).status == 302
    assert wire.lines() == ["GET / HTTP/1.1"]


@pytest.mark.parametrize("location", ["/end?a=1#part", "end?a=1", "HTTP://127.0.0.1:{port}/end?a=1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirect_within_the_origin_is_followed(method: str, location: str) -> None:
    def script(asked: Exchange) -> None:
        if asked.path.startswith("/end"):
            asked.say("200 OK", "X-Said: here")
        else:
            asked.say("302 Found", f"Location: {location.format(port=wire.port)}")

    with serving(script) as wire:
        reply = reaching(wire.url).send(method, f"{wire.url}/begin", headers={"Authorization": CANARY})
    assert reply.headers["x-said"] == "here"
    assert wire.lines()[1:] == [f"{method} /end?a=1 HTTP/1.1"]
    assert wire.came[1].headers["authorization"] == CANARY


def test_redirect_of_what_changes_something_is_the_answer() -> None:
    with serving(lambda asked: asked.say("307 Again", "Location: /again")) as wire:
        assert reaching(wire.url).send("POST", wire.url, body=b"taco").status == 307
    assert len(wire.came) == 1


def test_redirects_in_a_circle_come_to_an_end() -> None:
    with serving(lambda asked: asked.say("302 Found", "Location: /again")) as wire:
        out = reaching(wire.url)
        assert out.send("GET", wire.url).status == 302
        with out.open("GET", wire.url) as stream:
            assert stream.status == 302
    assert len(wire.came) == 2 * (REDIRECTS_MAX + 1)


# ------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::ffff:127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"],
     ["fe80::1%lo"], ["64:ff9b::7f00:1"]],
)  # fmt: skip
def test_name_that_leads_to_a_private_address_is_not_followed(addresses: list[str]) -> None:
    with serving(ok) as wire:
        out, url = hooks(wire, resolving(addresses))
        out.check(url, "url")
        error = refused(out, url)
    assert isinstance(error, ForbiddenTarget)
    assert str(error) == f"http://{HOOKS}:{wire.port} leads to an address that may not be reached from here"
    assert wire.connections == 0


def test_name_that_changes_its_address_between_check_and_connection_gains_nothing() -> None:
    with serving(ok, host="127.0.0.2") as inside, serving(ok, port=inside.port) as outside:
        # 127.0.0.1 stands for what may be reached, 127.0.0.2 for what may not.
        resolver = resolving(["127.0.0.1"], ["127.0.0.2"])
        out, url = hooks(outside, resolver, private_networks=["127.0.0.1/32"])
        assert out.send("GET", url).body == b"taco"
        assert outside.came[0].headers["host"] == f"{HOOKS}:{outside.port}"
        outside.came[0].close()
        until(lambda: isinstance(refused(out, url), ForbiddenTarget))
        assert (outside.connections, inside.connections) == (1, 0)


def test_addresses_are_tried_one_after_the_other() -> None:
    with serving(ok) as wire:
        out, url = hooks(wire, resolving(["127.0.0.3", "127.0.0.1"]), private_networks=LOOPBACK)
        assert out.send("GET", url).body == b"taco"


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_servers_are_reached_by_ipv6_too() -> None:
    with serving(ok, host="::1") as wire:
        assert reaching(wire.url).send("GET", wire.url).body == b"taco"
        assert wire.came[0].headers["host"] == f"[::1]:{wire.port}"


@pytest.mark.parametrize("answer", [[], socket.gaierror(-2, CANARY), UnicodeError(CANARY)])
def test_name_that_is_unknown_is_unreachable(answer: Sequence[str] | Exception) -> None:
    with serving(ok) as wire:
        assert "is not known" in str(refused(*hooks(wire, resolving(answer))))


def test_resolver_that_hangs_is_not_waited_for() -> None:
    over = threading.Event()

    def hang(host: str) -> Sequence[str]:
        over.wait(5)
        return []

    with serving(ok) as wire:
        assert "not resolved in time" in str(refused(*hooks(wire, hang)))
    over.set()


def test_nobody_at_home_is_unreachable() -> None:
    with serving(ok) as wire:
        pass
    assert str(refused(reaching(wire.url), f"{wire.url}/{CANARY}")) == f"{wire.url}: nobody takes connections"


def test_proxies_and_passwords_of_the_machine_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password lovelace\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(ok) as wire:
        assert reaching(wire.url).send("GET", wire.url).ok
    assert "authorization" not in wire.came[0].headers
    assert os.environ["NETRC"]


# ------------------------------------------------------------------------------- what takes too long


def silence(asked: Exchange) -> None:
    asked.over.wait(5)


def drip_headers(asked: Exchange) -> None:
    asked.drip(b"HTTP/1.1 200 OK\r\nX-Said: " + b"x" * 500, every_s=0.02)


def drip_continues(asked: Exchange) -> None:
    while not asked.over.wait(0.02):
        asked.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def drip_body(asked: Exchange) -> None:
    asked.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    asked.drip(b"x" * 500, every_s=0.02)


def drip_chunks(asked: Exchange) -> None:
    asked.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    asked.drip(b"1\r\nx\r\n" * 100, every_s=0.02)


@pytest.mark.parametrize("script", [silence, drip_headers, drip_continues, drip_body, drip_chunks])
def test_server_that_takes_its_time_is_left_at_the_deadline(script: Script) -> None:
    with serving(script) as wire:
        error = refused(reaching(wire.url, total_timeout_s=0.3), f"{wire.url}/{CANARY}")
    assert str(error) == f"{wire.url}: it did not answer in time"


def test_server_that_says_nothing_is_left_after_the_timeout() -> None:
    with serving(silence) as wire:
        assert "in time" in str(refused(reaching(wire.url, read_timeout_s=0.2), wire.url))


def test_redirects_have_one_deadline_together() -> None:
    def script(asked: Exchange) -> None:
        asked.over.wait(0.15)
        asked.say("302 Found", "Location: /again")

    with serving(script) as wire:
        assert "in time" in str(refused(reaching(wire.url, total_timeout_s=0.4), wire.url))


def test_server_that_reads_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        out = reaching(url, read_timeout_s=0.2, total_timeout_s=0.4)
        for body in (b"x" * 8_000_000, io.BytesIO(b"x" * 8_000_000)):
            with pytest.raises(Unreachable, match="in time"):
                out.send("PUT", url, body=body)


def test_sending_a_file_may_take_longer_than_the_answer() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            time.sleep(0.15)
            return super().read(16 if size else size)

    with serving(ok) as wire:
        assert reaching(wire.url, total_timeout_s=0.3).send("PUT", wire.url, body=Slow(b"x" * 48)).ok
    assert wire.came[0].body == b"x" * 48
    assert wire.came[0].headers["content-length"] == "48"


def test_answer_to_a_file_has_its_deadline_too() -> None:
    with serving(silence) as wire:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="in time"):
            reaching(wire.url, total_timeout_s=0.2).send("PUT", wire.url, body=io.BytesIO(b"x"))
        assert time.monotonic() - begun < 4


def test_stream_may_take_longer_than_a_request_as_long_as_something_comes() -> None:
    def script(asked: Exchange) -> None:
        asked.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        asked.drip(b"x" * 20, every_s=0.03)

    with serving(script) as wire:
        out = reaching(wire.url, total_timeout_s=0.3, read_timeout_s=0.3, max_response_bytes=1024)
        with out.open("GET", wire.url) as stream:
            assert b"".join(stream.chunks) == b"x" * 20


def test_stream_that_stops_is_left() -> None:
    def script(asked: Exchange) -> None:
        asked.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nsome")
        silence(asked)

    with serving(script) as wire:
        out = reaching(wire.url, read_timeout_s=0.2)
        with out.open("GET", wire.url) as stream, pytest.raises(Unreachable, match="in time"):
            b"".join(stream.chunks)


# ----------------------------------------------------------------------------------- what is too large


def test_answer_beyond_the_limit_is_not_read_to_its_end() -> None:
    sent = []

    def script(asked: Exchange) -> None:
        asked.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not asked.over.is_set():
            sent.append(asked.sock.send(b"10000\r\n" + b"x" * 65536 + b"\r\n"))

    with serving(script) as wire:
        error = refused(reaching(wire.url, max_response_bytes=100_000), f"{wire.url}/{CANARY}")
    assert str(error) == f"{wire.url}: its answer is longer than 100000 bytes"
    assert sum(sent) < 50_000_000


def test_answer_of_just_the_limit_is_read_and_a_stream_has_none() -> None:
    with serving(lambda asked: asked.say("200 OK", body=b"x" * 2048)) as wire:
        assert len(reaching(wire.url, max_response_bytes=2048).send("GET", wire.url).body) == 2048
        out = reaching(wire.url, max_response_bytes=2047)
        assert "longer" in str(refused(out, wire.url))
        with out.open("GET", wire.url) as stream:
            assert len(b"".join(stream.chunks)) == 2048


def test_packed_answer_was_not_asked_for_and_is_never_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)
    with serving(lambda asked: asked.say("200 OK", "Content-Encoding: gzip", body=bomb)) as wire:
        out = reaching(wire.url)
        assert "packed" in str(refused(out, wire.url))
        with out.open("GET", wire.url) as stream:
            assert stream.headers["content-encoding"] == "gzip"
            assert b"".join(stream.chunks) == bomb
    assert {one.headers["accept-encoding"] for one in wire.came} == {"identity"}


def test_more_headers_than_anyone_needs_are_refused() -> None:
    with serving(lambda asked: asked.say("200 OK", *(f"X-{n}: x" for n in range(200)))) as wire:
        refused(reaching(wire.url), wire.url)
    with serving(lambda asked: asked.say("200 OK", f"X-Long: {'x' * 100_000}")) as wire:
        refused(reaching(wire.url), wire.url)


# ------------------------------------------------------------------------------------ what breaks off


@pytest.mark.parametrize(
    "said",
    [b"", b"\r\n", b"HTTP/1.1 2", b"SSH-2.0-taco\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 4\r\n\r\nsome",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsome",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsome\r\n"],
)  # fmt: skip
def test_answer_that_breaks_off_or_is_none_is_unreachable(said: bytes) -> None:
    def script(asked: Exchange) -> None:
        asked.sock.sendall(said)
        asked.close()

    with serving(script) as wire:
        out = reaching(wire.url)
        assert isinstance(refused(out, f"{wire.url}/{CANARY}"), Unreachable)
        with pytest.raises(Unreachable), out.open("GET", wire.url) as stream:
            b"".join(stream.chunks)


PIECES = [
    "HTTP/1.1 200 OK", "HTTP/1.0 204 No Content", "HTTP/1.1 100 Continue", "HTTP/1.1 101 Up", "HTTP/1.1 302 Found",
    "Location: /x", "Location: http://[", "Location: \udcff", "Content-Length: 3", "Content-Length: -1", "Content-Length: x",
    "Transfer-Encoding: chunked", "Transfer-Encoding: taco", "Content-Encoding: gzip", "Connection: close", "X: y", " z",
    "\r\n", "\r\n", "\r\n\r\n", "\r\n\r\n", "\n", "3\r\nabc", "0\r\n\r\n", "-3\r\n", "fffffffffffffffff\r\n", "abc", "\0", "\udcff",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=14))
def test_whatever_is_answered_is_a_reply_or_unreachable(
    pieces: list[str], rude: tuple[Wire, list[bytes]]
) -> None:
    wire, says = rude
    says[:] = ["".join(pieces).encode(errors="surrogateescape")]
    out = reaching(wire.url, read_timeout_s=0.5)
    with suppress(Unreachable):
        assert 100 <= out.send("GET", f"{wire.url}/{CANARY}").status <= 999
    with suppress(Unreachable), out.open("GET", wire.url) as stream:
        b"".join(stream.chunks)


@pytest.fixture(scope="module")
def rude() -> Iterator[tuple[Wire, list[bytes]]]:
    """A server that says what it is told to, and hangs up."""
    says = [b""]

    def script(asked: Exchange) -> None:
        asked.sock.sendall(says[0])
        asked.close()

    with serving(script) as wire:
        yield wire, says


def test_answer_that_comes_before_the_whole_question_counts() -> None:
    def script(asked: Exchange) -> None:
        asked.say("413 Too Large", "Connection: close")
        asked.close()

    with serving(script) as wire:
        assert reaching(wire.url).send("POST", wire.url, body=b"x" * 100).status == 413


# --------------------------------------------------------------------------------------- connections


def test_connection_is_used_again_and_a_closed_one_is_not_missed() -> None:
    with serving(ok) as wire:
        out = reaching(wire.url)
        for _ in range(3):
            assert out.send("GET", wire.url).body == b"taco"
        assert wire.connections == 1
        wire.came[-1].close()
        time.sleep(0.02)
        assert out.send("POST", wire.url).body == b"taco"
        assert wire.connections == 2


def test_what_was_left_unread_is_nobody_elses_answer() -> None:
    with serving(lambda asked: asked.say("200 OK", body=asked.path.encode() * 50_000)) as wire:
        out = reaching(wire.url)
        with out.open("GET", f"{wire.url}/one") as stream:
            next(iter(stream.chunks))
        assert out.send("GET", f"{wire.url}/two").body == b"/two" * 50_000


def test_error_of_the_reader_is_the_readers() -> None:
    with serving(ok) as wire, pytest.raises(BlockingIOError), reaching(wire.url).open("GET", wire.url):
        raise BlockingIOError


def test_threads_get_their_own_answers() -> None:
    with serving(lambda asked: asked.say("200 OK", body=asked.path.encode())) as wire:
        out = reaching(wire.url)
        paths = [f"/{n}" for n in range(64)]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda path: out.send("GET", wire.url + path).body.decode(), paths))
    assert replies == paths
    assert wire.connections <= 8


def test_connections_to_few_hosts_are_kept() -> None:
    with serving(ok) as wire:
        policy = Policy(hosts=[f"*.example.org:{wire.port}"], private_networks=["127.0.0.0/8"])
        out = WebOutgoing(policy, resolver=lambda host: ["127.0.0.1"])
        urls = [f"http://host-{n}.example.org:{wire.port}/" for n in range(40)]
        assert all(out.send("GET", url).ok for url in urls)
        assert wire.connections == len(urls)
        out.send("GET", urls[-1])
        assert wire.connections == len(urls)
        out.send("GET", urls[0])
        assert wire.connections == len(urls) + 1


# ---------------------------------------------------------------------------------------------- logs


def test_log_has_the_origin_of_a_url_at_most(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"/{CANARY}/x?token={CANARY}"
    with serving(lambda asked: asked.say("200 OK", "Content-Length: 0", "no header", "X-Said: here")) as wire:
        out = reaching(wire.url)
        out.send("GET", wire.url + url)
        out.send("POST", f"{wire.url}{url}#{CANARY}", body=CANARY.encode(), headers={"Authorization": CANARY})
    with serving(lambda asked: asked.close()) as wire:
        refused(reaching(wire.url), wire.url + url)
    assert f"127.0.0.1:{wire.port}" in caplog.text
    assert CANARY not in caplog.text
