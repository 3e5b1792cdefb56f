"""The wizard's forms and steps as plain data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import ConnectionId, MemberId, TenantId, new_id
from vestibule.portal.model import Report, Step, differing, done, next_step, read, written
from vestibule.tenancy.model import ClientAuth, Content, Environment, Vendor, Version, VersionState

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FULL = Content(
    "Alder",
    Vendor.EPIC,
    Environment.PRODUCTION,
    "https://ehr.alder.test/fhir",
    frame_ancestors=("https://a.test", "https://b.test"),
    provider_client_id="p",
    client_auth=ClientAuth.SECRET_BASIC,
    profile={"launch": {"csn": "sessionId"}},
    approver=MemberId(new_id()),
    shared_with=(TenantId(new_id()),),
)


def version(content: Content = FULL, state: VersionState = VersionState.DRAFT, *, secret: bool = True) -> Version:
    return Version(ConnectionId(new_id()), 1, 1, state, content, secret, None, NOW)


def report(*levels: str) -> Report:
    return Report(NOW, 1, tuple({"level": level, "code": "x-y", "what": "", "remedy": ""} for level in levels))


def test_what_a_form_writes_it_reads_again() -> None:
    typed = written(FULL)
    assert read(Content("", Vendor.GENERIC, Environment.TEST, ""), typed) == (replace(FULL, fhir_version=""), {})


@given(st.dictionaries(st.sampled_from(sorted(written(FULL))), st.text(max_size=200)))
def test_whatever_is_typed_is_read_or_named(typed: dict[str, str]) -> None:
    content, wrong = read(FULL, typed)
    assert set(wrong) <= set(typed)
    untouched = set(written(FULL)) - set(typed) | set(wrong)
    assert all(getattr(content, name) == getattr(FULL, name) for name in untouched)


@given(st.text(max_size=300))
def test_lines_and_spaces_at_the_ends_make_no_difference(text: str) -> None:
    content, _ = read(FULL, {"name": text})
    assert differing({"name": text}, content) == {}


def test_only_what_differs_is_shown_of_what_somebody_else_stored() -> None:
    assert differing({"name": "Alder ", "iss": "https://other.test/fhir"}, FULL) == {"iss": FULL.iss}
    assert differing({"frame_ancestors": "https://a.test\r\nhttps://b.test\r\n"}, FULL) == {}


@pytest.mark.parametrize(
    ("made", "found", "following"),
    [
        (version(replace(FULL, iss="")), None, Step.ADDRESS),
        (version(replace(FULL, provider_client_id="")), None, Step.KEYS),
        (version(secret=False), None, Step.KEYS),
        (version(), None, Step.CHECK),
        (version(), report("good", "stops"), Step.CHECK),
        (version(), report("good", "look"), Step.APPROVAL),
        (version(state=VersionState.REJECTED), report("good"), Step.APPROVAL),
        (version(state=VersionState.AWAITING), None, Step.APPROVAL),
        (version(state=VersionState.APPROVED), report("good"), Step.RECORDS),
    ],
)
def test_the_next_step_is_the_first_that_is_not_done(made: Version, found: Any, following: Step) -> None:
    assert next_step(made, done(made, found)) is following
