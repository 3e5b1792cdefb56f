"""What comes back with notifications: ours opens, nothing else does."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.client_state import client_state, read_client_state

BOX = SecretBox([("k1", b"1" * 32)])
# Always the same: both processes that share the tests must call each case by one name.
TENANT, SUBSCRIPTION = TenantId(UUID(int=1)), UUID(int=2)
OURS = client_state(BOX, TENANT, SUBSCRIPTION)


def test_what_we_said_says_whose_it_is() -> None:
    assert read_client_state(BOX, OURS) == (TENANT, SUBSCRIPTION)


def test_it_is_short_enough_for_graph_and_the_same_each_time() -> None:
    assert len(OURS) == 86
    assert client_state(BOX, TENANT, SUBSCRIPTION) == OURS


def test_it_holds_after_the_key_ring_has_a_new_key_in_front() -> None:
    assert read_client_state(SecretBox([("k2", b"2" * 32), ("k1", b"1" * 32)]), OURS) == (TENANT, SUBSCRIPTION)


def test_another_installations_key_opens_nothing() -> None:
    assert read_client_state(SecretBox([("k1", b"3" * 32)]), OURS) is None


@pytest.mark.parametrize("place", range(86))
def test_a_changed_character_anywhere_is_somebody_elses(place: int) -> None:
    other = "A" if OURS[place] != "A" else "B"
    assert read_client_state(BOX, OURS[:place] + other + OURS[place + 1 :]) is None


@pytest.mark.parametrize("said", [None, 7, True, [], {}, "", OURS[:-1], OURS + "A", OURS + "==", f" {OURS}", OURS.replace(OURS[0], "é", 1)])
def test_nonsense_is_nobodys(said: object) -> None:
    assert read_client_state(BOX, said) is None


@given(st.one_of(st.text(max_size=200), st.binary(max_size=100), st.uuids()))
def test_no_guess_is_ours(said: object) -> None:
    assert read_client_state(BOX, said) is None


@given(st.uuids(), st.uuids())
def test_every_subscription_has_its_own(tenant: UUID, subscription: UUID) -> None:
    assert read_client_state(BOX, client_state(BOX, TenantId(tenant), subscription)) == (tenant, subscription)
