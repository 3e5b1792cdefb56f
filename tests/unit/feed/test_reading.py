"""What a message says of an appointment, by a connection's settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scheduling import siu
from vestibule.errors import BadInput, VestibuleError
from vestibule.feed.masking import mask
from vestibule.feed.model import FeedSettings, Rule, RuleField
from vestibule.feed.reading import Reading, department_name, merged, read
from vestibule.kit.ids import ConnectionId, DepartmentId, new_id
from vestibule.protocols.hl7v2 import parse, read_notice
from vestibule.tenancy.model import Department
from vestibule.visits.service import Contact

EPIC = ConnectionId(new_id())
CHICAGO = Department(DepartmentId(new_id()), "Cardiology", "America/Chicago", "CARD")
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def reading(body: bytes, department: Department | None = CHICAGO, received_at: datetime = NOON, **settings: Any) -> Reading:
    return read(read_notice(parse(body)), FeedSettings(EPIC, **{"zone": "America/New_York", **settings}), department, received_at)


@pytest.mark.parametrize(
    ("settings", "fields", "names"),
    [
        ({}, {}, {"csn": "700123", "filler": "700123"}),
        ({"csn_from": "pv1-19"}, {}, {"csn": "5001", "filler": "700123"}),
        ({"csn_from": "sch-1"}, {}, {"csn": "1", "filler": "700123"}),
        ({}, {"csn": "700123^ALDER"}, {"csn": "700123", "filler": "700123^ALDER"}),
        ({}, {"csn": ""}, {"placer": "1"}),
        ({"csn_from": "pv1-19"}, {"csn": ""}, {"csn": "5001"}),
    ],
)
def test_an_appointments_names(settings: dict[str, Any], fields: dict[str, Any], names: dict[str, str]) -> None:
    found = reading(siu(**fields), **settings)
    assert {one.system: one.value for one in found.identifiers} == names
    assert found.key == f"{found.identifiers[0].system}:{found.identifiers[0].value}"


def test_a_placers_id_counts_where_it_says_who_gave_it() -> None:
    body = siu().replace(b"SCH|1|", b"SCH|1^EPIC|")
    assert ("placer", "1^EPIC") in {(one.system, one.value) for one in reading(body).identifiers}


@pytest.mark.parametrize("csn", ["", '""', "x" * 300])
def test_an_appointment_without_a_usable_name_is_none(csn: str) -> None:
    with pytest.raises(BadInput, match="hl7-appointment-nameless"):
        reading(siu(csn=csn).replace(b"SCH|1|", b"SCH||"))


@pytest.mark.parametrize(("source", "name"), [("pv1-3", "CARD"), ("rgs-3", "1"), ("aig-3", "399"), ("ail-3", ""), ("none", "")])
def test_the_department_comes_from_where_the_settings_say(source: str, name: str) -> None:
    assert department_name(read_notice(parse(siu())), FeedSettings(EPIC, department_from=source)) == name


def test_all_messages_of_a_sender_are_measured_by_one_clock_whatever_their_department() -> None:
    body = siu(sent="20260305090715", starts="202603051430")
    times = {reading(body, department).word.at for department in (CHICAGO, None)}
    assert times == {datetime(2026, 3, 5, 14, 7, 15, tzinfo=UTC)}
    assert reading(body).starts_at == datetime(2026, 3, 5, 20, 30, tzinfo=UTC)
    assert reading(body, None).starts_at == datetime(2026, 3, 5, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(("received", "hour"), [(5, 5), (6, 6), (9, 6), (1, 5)])
def test_in_the_hour_that_comes_twice_the_receipt_decides_which_is_meant(received: int, hour: int) -> None:
    """On 2026-11-01 01:30 comes twice in New York: at 05:30 and at 06:30 UTC."""
    came = datetime(2026, 11, 1, received, 40, tzinfo=UTC)
    assert reading(siu(sent="20261101013000"), received_at=came).word.at == datetime(2026, 11, 1, hour, 30, tzinfo=UTC)


def test_a_message_without_a_time_was_said_when_it_came() -> None:
    assert reading(siu(sent="")).word.at == NOON


def test_a_number_that_is_none_is_left_out() -> None:
    assert reading(siu(phone="123")).contact.phone == ""
    assert reading(siu(phone="(608) 555-0134")).contact.phone == "+16085550134"
    assert reading(siu(phone="0301 2345678"), region="DE").contact.phone == "+493012345678"


def test_what_is_not_said_stays_and_what_is_deleted_goes() -> None:
    known = Contact("+16085550134", "amy@example.org", "es")
    assert merged(known, reading(siu(phone="", language=""))) == known
    assert merged(known, reading(siu(phone='""', language='""'))) == Contact()
    assert merged(None, reading(siu())) == Contact("+16085550134", "", "es")


def test_a_cancel_may_say_nothing_that_a_rule_looks_at() -> None:
    rules = (Rule(RuleField.APPOINTMENT_TYPE, "VIDEO"),)
    assert reading(siu("S15"), rules=rules).silent
    assert not reading(siu("S15", kind="OFFICE"), rules=rules).silent


SECRETS = (
    b"MIRA",
    b"CANARY",
    b"19800101",
    b"SAMPLE",
    b"OTHERTOWN",
    b"5550134",
    b"000-00-0000",
    b"Z100200",
    b"RIVERS",
    b"OKAFOR",
    b"555-0101",
)


def test_a_masked_message_shows_no_person() -> None:
    more = b"NTE|1||MIRA\rOBX|1|TX|x||CANARY\rZPD|MIRA|CANARY\rNK1|1|CANARY^MIRA\rIN1|1|MIRA\rMIRA|CANARY\rCANARY\r"
    shown = repr(mask(parse(siu(kind="99^MIRA^L^CANARY", reason="7^MIRA") + more))).encode()
    assert [word for word in SECRETS if word in shown.replace(b"99^MIRA", b"")] == []
    assert b"VIDEO ROOM" in shown


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_refused_or_masked_and_never_more(noise: bytes) -> None:
    body = siu() + noise
    try:
        message = parse(body)
        mask(message)
        reading(body)
    except VestibuleError as error:
        assert error.code.startswith("hl7-")  # noqa: PT017
