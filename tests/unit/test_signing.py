from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.signing import SigningKeys, read_secret, signature, written_secret

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BODY = b'{"event":"finish"}'


def test_published_example_of_standard_webhooks_is_reproduced():
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64))
def test_secret_is_read_as_it_was_written(key: bytes):
    assert read_secret(written_secret(key)) == key
    assert read_secret(f" {base64.b64encode(key).decode()}\n") == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "hunter2",
        written_secret(b"x" * 23),
        written_secret(b"x" * 65),
        "whsec_" + "ä" * 40,
        "whsec_" + "-_" * 20,
        written_secret(b"x" * 32)[:-2],
    ],
)
def test_secret_that_is_short_long_or_no_base64_is_refused_without_being_quoted(text: str):
    with pytest.raises(InvalidField, match="secret: must be 24 to 64 bytes") as caught:
        read_secret(text)
    assert len(text) < 8 or text not in str(caught.value)


def test_deliveries_carry_id_and_time_of_the_try_and_one_signature():
    keys = SigningKeys(key=b"k" * 32)
    headers = keys.headers("m1", BODY, AT)
    assert headers == {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(AT.timestamp())),
        "webhook-signature": signature(b"k" * 32, "m1", int(AT.timestamp()), BODY),
    }


def test_rotated_secret_signs_beside_the_new_one_until_the_overlap_ends():
    keys = SigningKeys(key=b"o" * 32).rotated(b"n" * 32, at=AT, overlap=timedelta(hours=1))
    assert signatures(keys, AT) == [by(b"n", AT), by(b"o", AT)]
    later = AT + timedelta(hours=1)
    assert signatures(keys, later) == [by(b"n", later)]


def test_secret_rotated_without_overlap_signs_nothing_any_more():
    keys = SigningKeys(key=b"o" * 32).rotated(b"n" * 32, at=AT, overlap=timedelta(0))
    assert signatures(keys, AT) == [by(b"n", AT)]


def test_secret_before_the_last_one_is_forgotten_by_a_second_rotation():
    keys = SigningKeys(key=b"a" * 32)
    for new in (b"b", b"c"):
        keys = keys.rotated(new * 32, at=AT, overlap=timedelta(hours=1))
    assert signatures(keys, AT) == [by(b"c", AT), by(b"b", AT)]


def test_signing_keys_are_read_as_they_were_kept():
    fresh = SigningKeys(key=secrets.token_bytes(32))
    rotated = fresh.rotated(secrets.token_bytes(24), at=AT, overlap=timedelta(hours=1))
    assert [SigningKeys.from_bytes(keys.to_bytes()) for keys in (fresh, rotated)] == [fresh, rotated]


def test_signing_keys_do_not_show_themselves():
    assert "whsec" not in repr(SigningKeys(key=b"k" * 32))
    assert "kkkk" not in repr(SigningKeys(key=b"k" * 32, previous=b"kkkk" * 8))


def signatures(keys: SigningKeys, at: datetime) -> list[str]:
    return keys.headers("m", BODY, at)["webhook-signature"].split(" ")


def by(letter: bytes, at: datetime) -> str:
    return signature(letter * 32, "m", int(at.timestamp()), BODY)
