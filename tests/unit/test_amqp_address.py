"""The address of a broker: what it may say, and that no error repeats a password."""

from __future__ import annotations

import pytest

from datacatalog.adapters.transport.amqp_link import EXPIRES_S, address_of
from datacatalog.adapters.transport.amqp_words import Confirmations, read_ring, read_word
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.transport import Parcel


def test_address_has_defaults_for_all_but_the_host():
    found = address_of("amqp://broker")
    assert (found.host, found.port, found.tls, found.user, found.password) == (
        "broker",
        5672,
        False,
        "guest",
        "guest",
    )
    assert (found.vhost, found.prefix, found.expires_s) == ("/", "datacatalog", EXPIRES_S)


def test_address_says_all_there_is_to_say():
    word = "p%2Fw"
    found = address_of(f"amqps://us%40er:{word}@[::1]:1234/a%2Fb?prefix=lab-1.x_y&expires=60")
    assert (found.host, found.port, found.tls, found.user, found.password) == (
        "::1",
        1234,
        True,
        "us@er",
        "p/w",
    )
    assert (found.vhost, found.prefix, found.expires_s) == ("a/b", "lab-1.x_y", 60)


@pytest.mark.parametrize(
    ("path", "vhost"), [("", "/"), ("/", "/"), ("//", "/"), ("/%2F", "/"), ("/lab", "lab")]
)
def test_virtual_host_is_read_as_others_read_it(path: str, vhost: str):
    assert address_of(f"amqp://broker{path}").vhost == vhost


def test_address_is_told_without_its_password():
    found = address_of("amqp://user:secret@broker")
    assert str(found) == "broker port 5672"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:secret@",
        "amqp://user:secret@broker:port",
        "redis://user:secret@broker",
        "amqp://user:secret@broker?prefix=",
        "amqp://user:secret@broker?prefix=a/b",
        "amqp://user:secret@broker?expires=soon",
        "amqp://user:secret@broker?expires=0",
        "amqp://user:secret@broker?expires=99999999999",
        "amqp://user:secret@broker?heartbeat=1",
        "amqp://user:secret@broker?prefix",
        "amqp://user:{a@secret/b@broker",
        "amqp://user:{2/secret@broker",
        "amqp://user:{2?secret=1@broker",
        "amqp://user:{2#secret@broker",
    ],
)
def test_what_is_no_address_is_told_without_its_password(url: str):
    with pytest.raises(Misconfigured, match=r"transport\.url") as raised:
        address_of(url)
    assert "secret" not in str(raised.value)


def test_word_of_a_message_is_read_and_nothing_else():
    assert read_word('{"queue": "q", "id": "m"}') == Parcel("q", "m")
    assert [read_word(text) for text in ("", "[]", "1", '{"queue": "q"}', '{"queue": 1, "id": "m"}')] == [
        None
    ] * 5


def test_bell_that_says_nothing_rings_for_nobody():
    assert read_ring('{"q": 2, "p": "x"}') == {"q": 2}
    assert [read_ring(text) for text in ("", "[]", "1")] == [{}] * 3


def test_confirmations_come_one_by_one_or_many_at_a_time():
    said = Confirmations()
    words = [Parcel("q", str(number)) for number in range(5)]
    said.start(words)
    said.ack(1, False)
    said.ack(3, True)
    said.nack(4, False)
    assert said.taken == words[:3]
    assert list(said.outstanding.values()) == words[4:]
    said.ack(99, False)
    said.ack(5, False)
    said.start(words[:2])
    assert list(said.outstanding) == [6, 7]
    assert said.taken == []


def test_word_that_no_queue_was_there_for_is_not_taken_though_it_is_confirmed():
    class Returned:
        body = '{"queue": "q", "id": "0"}'

    said = Confirmations()
    words = [Parcel("q", "0"), Parcel("q", "1")]
    said.start(words)
    said.returned(Exception(), "", "q", Returned())
    said.ack(2, True)
    assert (said.taken, said.back) == (words[1:], words[:1])
