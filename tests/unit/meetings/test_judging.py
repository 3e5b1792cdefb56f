"""What an administrator enters about Teams is judged field by field, whatever it is."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.meetings.judging import is_guid, judge, judge_connected, sentences
from vestibule.meetings.model import ProofKind, Settings
from vestibule.tenancy.judging import sentence_of

GUID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
GOOD = Settings(directory=GUID, client_id=GUID, proof=ProofKind.SECRET, secret="p8Q~value~of~it")


def test_what_is_right_is_right_and_so_is_nothing_at_all() -> None:
    assert judge(GOOD) == {}
    assert judge(Settings()) == {}
    assert judge_connected(GOOD) == {}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"directory": "alder.example"}, {"directory": "entra-tenant-malformed"}),
        ({"directory": GUID.upper()}, {"directory": "entra-tenant-malformed"}),
        ({"directory": f"{{{GUID}}}"}, {"directory": "entra-tenant-malformed"}),
        ({"client_id": "Vestibule"}, {"client_id": "guid-malformed"}),
        ({"client_id": ""}, {"client_id": "field-required"}),
        ({"directory": ""}, {"directory": "field-required"}),
        ({"default_host": "rosa@alder.example"}, {"default_host": "guid-malformed"}),
        ({"secret": GUID}, {"secret": "secret-is-its-id"}),
        ({"secret": "a\nb"}, {"secret": "secret-characters"}),
        ({"secret": "x" * 1001}, {"secret": "secret-characters"}),
    ],
)
def test_each_mistake_has_its_code_beside_its_field(changes: dict[str, str], wrong: dict[str, str]) -> None:
    assert judge(replace(GOOD, **changes)) == wrong  # type: ignore[arg-type]


def test_what_is_missing_before_microsoft_can_be_asked() -> None:
    assert judge_connected(Settings()) == {"directory": "field-required", "client_id": "field-required"}
    assert judge_connected(replace(GOOD, secret="")) == {"secret": "field-required"}
    assert judge_connected(replace(GOOD, proof=ProofKind.CERTIFICATE, secret="")) == {}


@settings(max_examples=200)
@given(st.uuids(), st.text(max_size=8), st.integers(0, 36))
def test_only_a_guid_as_entra_writes_it_passes(guid: UUID, more: str, place: int) -> None:
    plain = str(guid)
    assert is_guid(plain)
    assert is_guid(plain[:place] + more + plain[place:]) == (more == "")


@pytest.mark.parametrize("code", ["guid-malformed", "secret-is-its-id", "entra-tenant-malformed", "field-required", "choice-unknown"])
def test_every_code_has_a_sentence_of_its_own(code: str) -> None:
    assert sentences({"field": code})["field"] not in {"", sentence_of("no-such-code")}
