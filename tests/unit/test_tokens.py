"""Tokens of documents and of administrators."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidToken, MissingToken
from datacatalog.domain.tokens import check_update_token, digest_of, expires_at, update_token

KEY = b"k" * 32
UUID = "107acb4d-1f93-553a-9e1c-b7b58125bc89"
TOKEN = update_token(KEY, UUID, "salt")


def test_update_token_is_17_characters_of_base64url_and_can_be_made_again():
    assert len(TOKEN) == 17
    assert TOKEN.isascii()
    assert set(TOKEN) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert update_token(KEY, UUID, "salt") == TOKEN


@pytest.mark.parametrize(
    "other",
    [
        update_token(b"K" * 32, UUID, "salt"),
        update_token(KEY, UUID[:-1] + "8", "salt"),
        update_token(KEY, UUID, "salu"),
        update_token(KEY, UUID + "\0s", "alt"),
    ],
)
def test_another_key_document_or_salt_makes_another_token(other: str):
    assert other != TOKEN


def test_right_token_passes():
    check_update_token(KEY, UUID, "salt", TOKEN)


@pytest.mark.parametrize("token", [None, ""])
def test_missing_token_is_said_to_be_missing(token: str | None):
    with pytest.raises(MissingToken):
        check_update_token(KEY, UUID, "salt", token)


@given(token=st.text(min_size=1).filter(lambda t: t != TOKEN) | st.just(TOKEN[:-1]) | st.just(TOKEN + "A"))
def test_every_other_text_is_refused(token: str):
    with pytest.raises(InvalidToken):
        check_update_token(KEY, UUID, "salt", token)


def test_refusal_does_not_say_the_token():
    with pytest.raises(InvalidToken) as refused:
        check_update_token(KEY, UUID, "salt", "almost-the-token-")
    assert TOKEN not in str(refused.value)
    assert "almost" not in str(refused.value)


def test_administrative_token_lasts_thirty_seconds():
    made = datetime(2019, 1, 1, tzinfo=UTC)
    assert (expires_at(made) - made).total_seconds() == 30


def test_digest_is_not_the_secret():
    assert digest_of("secret") == digest_of("secret") != digest_of("secreu")
    assert len(digest_of("secret")) == 64
