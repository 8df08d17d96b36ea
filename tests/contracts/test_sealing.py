from __future__ import annotations

import base64

import pytest

from datacatalog.adapters.sealing import AesSealer
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.sealing import Sealer


@pytest.fixture
def sealer() -> Sealer:
    return AesSealer(b"k" * 32)


def test_sealed_content_is_opened_for_what_it_belongs_to(sealer: Sealer):
    assert sealer.open(sealer.seal(b"a secret", "sub_1"), "sub_1") == b"a secret"
    assert AesSealer(b"k" * 32).open(sealer.seal(b"", "sub_1"), "sub_1") == b""


def test_sealing_twice_gives_two_texts_that_do_not_show_the_content(sealer: Sealer):
    first, second = sealer.seal(b"a secret", "sub_1"), sealer.seal(b"a secret", "sub_1")
    assert first != second
    assert b"a secret" not in base64.b64decode(first.removeprefix("v1."))


@pytest.mark.parametrize("other", ["sub_2", "", "sub_1 "])
def test_sealed_content_is_not_opened_for_anything_else(sealer: Sealer, other: str):
    with pytest.raises(Misconfigured):
        sealer.open(sealer.seal(b"a secret", "sub_1"), other)


def test_sealed_content_is_not_opened_with_another_key(sealer: Sealer):
    with pytest.raises(Misconfigured, match="token_key") as caught:
        AesSealer(b"o" * 32).open(sealer.seal(b"a secret", "sub_1"), "sub_1")
    assert "a secret" not in str(caught.value)


@pytest.mark.parametrize("changed", ["", "v1.", "v1.AAAA", "no base64 at all", "v1." + "AAAA" * 20])
def test_what_was_not_sealed_is_not_opened(sealer: Sealer, changed: str):
    with pytest.raises(Misconfigured):
        sealer.open(changed, "sub_1")


def test_content_that_was_changed_by_one_bit_is_not_opened(sealer: Sealer):
    kept = bytearray(base64.b64decode(sealer.seal(b"a secret", "sub_1").removeprefix("v1.")))
    for place in range(len(kept)):
        kept[place] ^= 1
        with pytest.raises(Misconfigured):
            sealer.open("v1." + base64.b64encode(kept).decode(), "sub_1")
        kept[place] ^= 1
