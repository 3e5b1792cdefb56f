"""Sealed texts open only whole, only under their key, and only where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import Unavailable
from vestibule.kit.secretbox import SecretBox

OLD = ("2026a", bytes(range(32)))
NEW = ("2027a", bytes(range(1, 33)))
ABOUT = "participant.name:t1:p1"


@given(st.text(max_size=300), st.text(max_size=80))
def test_what_is_sealed_opens_again(plain: str, about: str) -> None:
    box = SecretBox([OLD])
    assert box.open(box.seal(plain, about=about), about=about) == plain


def test_the_same_text_never_looks_the_same() -> None:
    box = SecretBox([OLD])
    assert box.seal("Ada", about=ABOUT) != box.seal("Ada", about=ABOUT)


def test_the_text_is_not_in_the_box() -> None:
    assert b"Ada Lovelace" not in SecretBox([OLD]).seal("Ada Lovelace", about=ABOUT)


@given(st.data())
def test_any_altered_byte_closes_it(data: st.DataObject) -> None:
    box = SecretBox([OLD])
    sealed = bytearray(box.seal("Ada", about=ABOUT))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unavailable) as told:
        box.open(bytes(sealed), about=ABOUT)
    assert told.value.code in {"secret-unreadable", "secret-key-missing"}


@given(st.binary(max_size=80))
def test_rubbish_is_refused_calmly(rubbish: bytes) -> None:
    with pytest.raises(Unavailable):
        SecretBox([OLD]).open(rubbish, about=ABOUT)


@given(st.integers(0, 47))
def test_a_cut_box_is_refused(length: int) -> None:
    box = SecretBox([OLD])
    with pytest.raises(Unavailable):
        box.open(box.seal("a name of some length", about=ABOUT)[:length], about=ABOUT)


def test_a_box_moved_to_another_row_does_not_open() -> None:
    box = SecretBox([OLD])
    with pytest.raises(Unavailable, match="secret-unreadable"):
        box.open(box.seal("Ada", about=ABOUT), about="participant.name:t1:p2")


def test_a_renamed_key_does_not_open_it() -> None:
    """Both names are known, but the name is authenticated too."""
    sealed = SecretBox([OLD]).seal("Ada", about=ABOUT)
    with pytest.raises(Unavailable, match="secret-unreadable"):
        SecretBox([NEW, OLD]).open(sealed.replace(b"2026a", b"2027a"), about=ABOUT)


def test_rotation_opens_the_old_and_seals_with_the_new() -> None:
    old = SecretBox([OLD]).seal("Ada", about=ABOUT)
    ring = SecretBox([NEW, OLD])
    assert ring.open(old, about=ABOUT) == "Ada"
    assert not ring.is_current(old)
    again = ring.seal("Ada", about=ABOUT)
    assert ring.is_current(again)
    assert SecretBox([NEW]).open(again, about=ABOUT) == "Ada"


def test_a_key_taken_out_of_the_ring_is_named_as_missing() -> None:
    with pytest.raises(Unavailable, match="secret-key-missing") as told:
        SecretBox([NEW]).open(SecretBox([OLD]).seal("Ada", about=ABOUT), about=ABOUT)
    assert told.value.permanent


def test_a_keyed_hash_is_stable_and_worthless_without_the_key() -> None:
    assert SecretBox([OLD]).keyed_hash("+15550100") == SecretBox([OLD]).keyed_hash("+15550100")
    assert SecretBox([OLD]).keyed_hash("+15550100") != SecretBox([NEW]).keyed_hash("+15550100")


def test_a_hash_from_before_a_rotation_is_still_found() -> None:
    before = SecretBox([OLD]).keyed_hash("+15550100")
    assert before in SecretBox([NEW, OLD]).keyed_hashes("+15550100")


@pytest.mark.parametrize(
    ("keys", "remark"),
    [
        ([], "no key"),
        ([("a", bytes(16))], "AES-128 is not what we promise"),
        ([("", bytes(32))], "a key without a name"),
        ([("a b", bytes(32))], "a space in the name"),
        ([("ä", bytes(32))], "a name that is not ASCII"),
        ([("a" * 33, bytes(32))], "a name that would not fit"),
        ([("a", bytes(32)), ("a", bytes(32))], "one name twice"),
    ],
)
def test_a_bad_ring_is_refused(keys: list[tuple[str, bytes]], remark: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        SecretBox(keys)


def test_nothing_secret_is_shown_by_repr() -> None:
    assert repr(SecretBox([OLD])) == "SecretBox(current='2026a')"
