"""Whatever stands in the address to which Microsoft sends a browser back is an answer of a known form, or none at all."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput
from vestibule.meetings.binding_pages import returned_by
from vestibule.protocols.oauth2 import Returned

_NAMES = st.sampled_from(["code", "state", "error", "iss", "error_description", "session_state", "x"])
_FIELDS = st.lists(st.tuples(_NAMES, st.text(max_size=40)), max_size=8).map(lambda pairs: urlencode(pairs).encode())


def read(query: bytes) -> Returned | str:
    """What it says, or the code of why it says nothing."""
    try:
        return returned_by(query)
    except BadInput as refused:
        return refused.code


@given(st.one_of(st.binary(max_size=300), _FIELDS))
def test_any_address_is_an_answer_of_a_known_form_or_refused_in_one_way(query: bytes) -> None:
    found = read(query)
    if isinstance(found, str):
        assert found == "sign-in-unknown"
        return
    assert 0 < len(found.state) <= 512
    assert found.state.isprintable()
    assert found.state.isascii()
    assert bool(found.code) != bool(found.error)


def test_an_answer_is_read() -> None:
    found = returned_by(b"code=1.AbC&state=" + quote("s~1").encode() + b"&session_state=0")
    assert (found.code, found.state, found.error, found.iss) == ("1.AbC", "s~1", "", None)


@pytest.mark.parametrize("query", [b"code=a&code=b&state=s", b"state=s&state=s&code=a", b"code=a&error=b&state=s", b"state=s", b""])
def test_what_says_two_things_or_nothing_is_no_answer(query: bytes) -> None:
    with pytest.raises(BadInput):
        returned_by(query)
