"""Forms in pieces: whatever they hold, and wherever they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_toolbelt import MultipartEncoder

from datacatalog.domain.errors import BadMessage
from datacatalog.interfaces.http.agave.multipart import Multipart, Part, read_form

BOUNDARY = "b0undary"
contents = st.lists(
    st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b"\r", b"\n", b"x", b"\0\xff"]), max_size=12
)


def encoded(fields: dict[str, bytes]) -> bytes:
    parts = {name: (f"{name}.bin", content, "application/octet-stream") for name, content in fields.items()}
    return bytes(MultipartEncoder(fields=parts, boundary=BOUNDARY).to_string())


def safe(pieces: list[bytes]) -> bytes:
    """Return a content that does not hold the boundary in a line of its own, as no form may."""
    return b"".join(pieces).replace(b"\r\n--" + BOUNDARY.encode(), b"")


@given(
    fields=st.dictionaries(st.sampled_from(["a", "b", "c"]), contents.map(safe), min_size=1),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_form_is_the_same_wherever_it_is_cut(fields: dict[str, bytes], cuts: list[int]) -> None:
    body = encoded(fields)
    at = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    form, found, names = Multipart(BOUNDARY), dict[str, bytes](), list[Part]()
    for start, end in pairwise(at):
        for event in form.feed(body[start:end]):
            if isinstance(event, Part):
                names.append(event)
                found[event.name] = b""
            else:
                found[names[-1].name] += event
    form.close()
    assert found == fields == read_form(body, BOUNDARY)
    assert [part.file_name for part in names] == [f"{name}.bin" for name in fields]


@given(st.integers(min_value=0))
def test_form_that_lacks_its_end_is_never_whole(cut: int) -> None:
    body = encoded({"a": b"some content", "b": b""})
    # What follows the last two dashes is nobody's.
    with pytest.raises(BadMessage):
        read_form(body[: cut % (len(body) - 2)], BOUNDARY)
