"""The gateway as a process, spoken to in bytes: slow, split, oversized, ambiguous and simultaneous requests."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.site import Site, closed, opened
from tests.harness import install

TIMEOUT_S = 1.0
LIMIT_BYTES = 4096


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose gateway runs as a process, with a short patience and a small limit."""
    gateway = {"request_timeout_s": TIMEOUT_S, "max_body_bytes": LIMIT_BYTES}
    site = opened(install(tmp_path_factory.mktemp("live"), gateway=gateway))
    site.catalog.start("serve")
    site.catalog.wait_ready()
    yield site
    closed(site)


def connect(live: Site) -> socket.socket:
    gateway = live.app.settings.config["gateway"]
    return socket.create_connection((gateway["host"], gateway["port"]), timeout=10)


def rest(sock: socket.socket) -> bytes:
    """Return all that still comes, until the other side hangs up."""
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def speak(live: Site, *pieces: bytes, pause_s: float = 0) -> bytes:
    """Send pieces, close our half, and return all that is answered."""
    with connect(live) as sock:
        for piece in pieces:
            try:
                sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(pause_s)
        return rest(sock)


def codes(answer: bytes) -> list[int]:
    """Return the status of each answer on one connection."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answer)]


def head(live: Site, *lines: str, target: str = "", method: str = "POST") -> bytes:
    query = f"?x-nonce={live.catalog.nonce}"
    path = target or f"/actors/v2/jobs-manager/messages{query}"
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1")


def event(live: Site, name: str = "update") -> tuple[Any, bytes]:
    job = live.job()
    return job, json.dumps({"uuid": job.job.uuid, "name": name, "token": job.token}).encode()


def test_request_in_single_bytes_is_taken_as_well_as_one_in_chunks(live: Site):
    job, body = event(live)
    whole = head(live, f"Content-Length: {len(body)}", "Connection: close") + body
    with connect(live) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in whole:
            sock.sendall(bytes([byte]))
        assert codes(rest(sock)) == [200]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    assert codes(speak(live, head(live, "Transfer-Encoding: chunked", "Connection: close"), chunks)) == [200]
    assert live.history(job) == ["create", "update", "update"]


def test_several_requests_on_one_connection_are_answered_in_turn(live: Site):
    job, body = event(live)
    one = head(live, f"Content-Length: {len(body)}") + body
    last = head(live, f"Content-Length: {len(body)}", "Connection: close") + body
    assert codes(speak(live, one + one + last)) == [200, 200, 200]
    assert live.history(job) == ["create", "update", "update", "update"]


# ------------------------------------------------------------------------------------------- slow


@pytest.mark.parametrize(
    "began", [b"", b"POST", b"POST / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: a"]
)
def test_connection_whose_headers_do_not_come_is_hung_up(live: Site, began: bytes):
    start = time.monotonic()
    with connect(live) as sock:
        sock.sendall(began)
        assert rest(sock) == b""
    assert 0.5 * TIMEOUT_S < time.monotonic() - start < TIMEOUT_S + 3


def test_headers_that_drip_do_not_outlive_the_deadline(live: Site):
    start = time.monotonic()
    answer = speak(live, head(live)[:-2], *[b"X-A: b\r\n"] * 30, pause_s=0.1)
    assert answer == b""
    assert time.monotonic() - start < TIMEOUT_S + 4


def test_second_request_on_a_connection_has_a_deadline_of_its_own(live: Site):
    with connect(live) as sock:
        sock.sendall(head(live, target="/healthz", method="GET"))
        answer = b""
        while not answer.endswith(b"}"):
            answer += sock.recv(65536)
        assert codes(answer) == [200]
        sock.sendall(b"POST /actors HTTP/1.1\r\nHost:")
        start = time.monotonic()
        assert rest(sock) == b""
        assert time.monotonic() - start < TIMEOUT_S + 3


def test_body_that_does_not_come_is_refused_in_time_and_writes_nothing(live: Site):
    job, body = event(live)
    before = live.dump()
    start = time.monotonic()
    request = head(live, f"Content-Length: {len(body)}", "Connection: close") + body[:-1]
    with connect(live) as sock:
        sock.sendall(request)
        answer = rest(sock)
    assert codes(answer) == [400]
    assert b"did not arrive in time" in answer
    assert time.monotonic() - start < TIMEOUT_S + 3
    assert (live.state(job), live.dump()) == ("CREATED", before)


def test_sender_that_hangs_up_in_the_middle_writes_nothing_and_harms_nobody(live: Site):
    job, body = event(live)
    before = live.dump()
    for _ in range(5):
        with connect(live) as sock:
            sock.sendall(head(live, f"Content-Length: {len(body)}") + body[: len(body) // 2])
    time.sleep(0.1)
    assert (live.dump(), live.state(job)) == (before, "CREATED")
    assert live.catalog.post("jobs-manager", body).status_code == 200


def test_slow_senders_hold_up_nobody(live: Site):
    job, body = event(live)
    slow = [connect(live) for _ in range(40)]
    for sock in slow:
        sock.sendall(head(live, f"Content-Length: {len(body)}") + body[:5])
    start = time.monotonic()
    assert live.catalog.post("jobs-manager", body).status_code == 200
    assert time.monotonic() - start < 1
    for sock in slow:
        sock.close()
    assert live.history(job) == ["create", "update"]


# -------------------------------------------------------------------------------------------- big


def test_body_over_the_limit_is_refused_before_it_is_read(live: Site):
    answer = speak(live, head(live, f"Content-Length: {10**12}", "Connection: close"))
    assert codes(answer) == [413]
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = speak(live, head(live, "Transfer-Encoding: chunked", "Connection: close"), *[chunk] * 8)
    assert codes(answer) == [413]


@pytest.mark.parametrize("length", ["1" + "0" * 30, "-5", "5, 5", "0x10", "+5", "5 5", ""])
def test_length_that_is_none_is_refused(live: Site, length: str):
    before = live.dump()
    found = codes(speak(live, head(live, f"Content-Length: {length}", "Connection: close") + b"{}"))
    assert found in ([400], [413])
    assert live.dump() == before


@pytest.mark.parametrize("line", ["X-Long: " + "a" * 200_000, *[f"X-{n}: {'a' * 900}" for n in (1,)]])
def test_headers_without_end_get_no_second_look(live: Site, line: str):
    answer = speak(live, head(live, *[line] * 200, "Content-Length: 0", "Connection: close"))
    assert len(codes(answer)) <= 1
    assert live.catalog.post("jobs-manager", "{").status_code == 400


def sent_until_cut(sock: socket.socket, piece: bytes, pieces: int) -> int:
    """Send a piece again and again; return how often before the other side hung up."""
    for count in range(pieces):
        try:
            sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return count
    return pieces


@pytest.mark.parametrize("piece", [b"X-Long: " + b"a" * 60_000 + b"\r\n", b"a" * 60_000], ids=["many", "one"])
@pytest.mark.parametrize("target", ["", "/nowhere"])
def test_trailers_without_end_are_not_kept(live: Site, piece: bytes, target: str):
    with connect(live) as sock:
        sock.sendall(head(live, "Transfer-Encoding: chunked", target=target) + b"1\r\n{\r\n0\r\n")
        # Beside what is bounded, buffers of the operating system take some.
        assert sent_until_cut(sock, piece, 1000) < 1000


def test_trailers_are_no_headers(live: Site):
    job, body = event(live, "run")
    ends = b"0\r\nX-Agave-Delivery: one\r\nAuthorization: Bearer none\r\n\r\n"
    chunks = b"%x\r\n%s\r\n" % (len(body), body) + ends
    sent = head(live, "Transfer-Encoding: chunked", "Connection: close") + chunks
    assert codes(speak(live, sent)) == [200]
    assert live.state(job) == "RUNNING"


@pytest.mark.parametrize(
    ("length", "then"),
    [(100_000, b""), (100_000, b"x"), (100_000, b"x" * 100_000), (0, b"\r\n")],
    ids=["nothing", "a byte", "all", "a line end"],
)
def test_connection_that_was_answered_is_not_held_for_nothing(live: Site, length: int, then: bytes):
    with connect(live) as sock:
        sock.sendall(head(live, f"Content-Length: {length}"))
        assert codes(sock.recv(4096)) == [413 if length else 400]
        sock.sendall(then)
        sock.settimeout(TIMEOUT_S * 8)
        assert codes(rest(sock)) == []


# -------------------------------------------------------------------------------------- ambiguous


def smuggled(live: Site) -> dict[str, bytes]:
    """Return requests that some servers read as two, with an event hidden in what would be the second."""
    hidden = head(live, "Content-Length: 0", target="/healthz", method="GET")
    chunked = b"0\r\n\r\n" + hidden
    size = len(chunked)
    return {
        "length and chunks": head(live, f"Content-Length: {size}", "Transfer-Encoding: chunked") + chunked,
        "chunks and length": head(live, "Transfer-Encoding: chunked", f"Content-Length: {size}") + chunked,
        "two lengths": head(live, "Content-Length: 5", f"Content-Length: {size}") + chunked,
        "chunks, blank": head(live, "Transfer-Encoding : chunked", f"Content-Length: {size}") + chunked,
        "chunks, tab": head(live, "Transfer-Encoding:\tchunked", f"Content-Length: {size}") + chunked,
        "chunks, spelled": head(live, "Transfer-Encoding: xchunked", f"Content-Length: {size}") + chunked,
        "chunks, twice": head(live, "Transfer-Encoding: chunked, identity") + chunked,
        "folded": head(live, "X: y", " Transfer-Encoding: chunked", f"Content-Length: {size}") + chunked,
        "bare newline": head(live, f"X: y\nTransfer-Encoding: chunked\nContent-Length: {size}") + chunked,
        "chunk size spelled": head(live, "Transfer-Encoding: chunked") + b"0x0\r\n\r\n" + hidden,
        "chunk size negative": head(live, "Transfer-Encoding: chunked") + b"-1\r\n\r\n" + hidden,
    }


SMUGGLED = [
    "length and chunks", "chunks and length", "two lengths", "chunks, blank", "chunks, tab", "chunks, spelled",
    "chunks, twice", "folded", "bare newline", "chunk size spelled", "chunk size negative",
]  # fmt: skip


@pytest.mark.parametrize("name", SMUGGLED)
def test_ambiguous_request_gets_one_answer_at_most_and_its_hidden_one_none(live: Site, name: str):
    before = live.dump()
    answer = speak(live, smuggled(live)[name])
    assert len(codes(answer)) <= 1, answer
    assert b'"status":"ok"' not in answer
    assert all(400 <= code < 500 for code in codes(answer))
    assert live.dump() == before


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\0" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_harms_nobody(live: Site, raw: bytes):
    assert all(code in (400, 404, 405) for code in codes(speak(live, raw)))
    assert live.catalog.post("jobs-manager", "{").status_code == 400


# ------------------------------------------------------------------------------------- many at once


def test_twenty_clients_at_once_lose_and_repeat_nothing(live: Site):
    jobs = [event(live) for _ in range(5)]

    def client(n: int) -> list[int]:
        _, body = jobs[n % len(jobs)]
        one = head(live, f"Content-Length: {len(body)}") + body
        last = head(live, f"Content-Length: {len(body)}", "Connection: close") + body
        return codes(speak(live, one * 4 + last))

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(client, range(20))) == [[200] * 5] * 20
    assert [len(live.history(job)) for job, _ in jobs] == [1 + 20] * 5


def test_gateway_ends_well_when_it_is_told_to(tmp_path):
    site = opened(install(tmp_path / "ending"))
    process = site.catalog.start("serve")
    site.catalog.wait_ready()
    assert site.catalog.post("jobs-manager", "{").status_code == 400
    process.terminate()
    assert process.wait(15) == 0
    closed(site)
