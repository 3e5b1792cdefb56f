"""Small rules at the doors of staff, against whatever anybody types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.identity.members import clean
from vestibule.identity.model import Person
from vestibule.identity.sign_in import callback_of, destination_of
from vestibule.identity.words import in_calm_words
from vestibule.kit.pageful import cursor, keys_of


@given(st.text())
def test_wherever_somebody_wants_to_go_it_is_below_their_own_session(to: str) -> None:
    found = destination_of(to)
    assert found in {"home", to}
    assert not set(found) & set("\\:?#%.@ \r\n")
    assert not found.startswith("/")
    assert "//" not in found


@given(st.text())
def test_names_have_no_controls_and_no_edges(text: str) -> None:
    found = clean(text)
    assert found == found.strip()
    assert not any(ord(sign) < 32 for sign in found)
    assert clean(found) == found


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1, max_size=3))
def test_a_cursor_says_what_it_was_made_of(keys: list[str]) -> None:
    made = cursor(*keys)
    if len(made) <= 2000:
        assert keys_of(made, len(keys)) == tuple(keys)
    assert keys_of(made, len(keys) + 1) is None


@given(st.text())
def test_a_made_up_cursor_begins_anew(text: str) -> None:
    assert keys_of(text, 2) is None or isinstance(keys_of(text, 2), tuple)


def test_no_two_providers_answer_to_one_address() -> None:
    assert callback_of("entra") != callback_of("oidc")
    assert all(callback_of(name).startswith("/sign-in/") for name in ("entra", "oidc"))


@pytest.mark.parametrize("address", ["", " ", "robin", "ROBIN@alder.example.evil"])
def test_a_sign_in_without_addresses_reads_nobodys_mail(address: str) -> None:
    assert not Person("entra", "i", "s").reads_mail_of(address)
    assert not Person("entra", "i", "s", email="robin@alder.example").reads_mail_of(address)


@pytest.mark.parametrize(
    ("code", "permanent", "said"),
    [
        ("outside-unreachable", False, "sign-in-unavailable"),
        ("outside-timeout", False, "sign-in-unavailable"),
        ("jwks-unavailable", False, "sign-in-unavailable"),
        ("outside-refused-address", True, "sign-in-misconfigured"),
        ("token-invalid-client", True, "sign-in-misconfigured"),
        ("openid-issuer", True, "sign-in-misconfigured"),
        ("jwt-signature", True, "sign-in-not-trusted"),
        ("id-token-nonce", True, "sign-in-not-trusted"),
        ("callback-issuer", True, "sign-in-not-trusted"),
        ("token-invalid-grant", True, "sign-in-failed"),
        ("something-new", True, "sign-in-failed"),
    ],
)
def test_what_goes_wrong_is_one_of_five_things(code: str, permanent: bool, said: str) -> None:
    calm = in_calm_words(OutsideFailed(code, "The inside of it.", phase="p", permanent=permanent))
    assert calm.code == said
    assert "inside" not in calm.sentence
    assert calm.phase.startswith("sign-in.")


def test_what_is_calm_already_stays_as_it_is() -> None:
    error = NotAllowed("sign-in-personal-account", "Please use another.", phase="sign-in.token")
    assert in_calm_words(error) is error
