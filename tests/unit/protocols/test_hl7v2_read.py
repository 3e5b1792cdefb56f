"""Reading scheduling messages: the shapes that senders give them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product

import pytest

from support.siu import EPIC_LIKE, LATER, changed
from vestibule.errors import BadInput
from vestibule.protocols.hl7v2 import Notice, choose_phone, interval, language_tag, parse, read_notice


def read(message: bytes, fields: Mapping[str, str] | None = None, *, without: tuple[str, ...] = ()) -> Notice:
    return read_notice(parse(changed(message, fields or {}, without=without)))


def test_a_message_of_the_shape_that_epic_publishes_is_understood() -> None:
    notice = read_notice(parse(EPIC_LIKE))
    assert (notice.event, notice.status, notice.control_id, notice.version) == ("S12", "booked", "2001", "2.3")
    assert (notice.sender, notice.facility, str(notice.sent_at and notice.sent_at.local)) == ("SCHED", "ALDER", "2026-03-05 09:07:15")
    assert (notice.placer.id, notice.filler.id, notice.visit_number.id) == ("1", "700123", "5001")
    assert interval(notice, "America/Chicago") == (datetime(2026, 3, 5, 20, 30, tzinfo=UTC), datetime(2026, 3, 5, 20, 50, tzinfo=UTC))
    assert (notice.department.code, notice.visit_type.text, notice.patient_class) == ("CARD", "FOLLOW UP", "O")
    assert [(one.segment, one.id.code, one.id.text, one.kind.text) for one in notice.resources] == [
        ("AIS", "001", "FOLLOW UP", ""),
        ("AIG", "399", "VIDEO ROOM", "RESOURCE"),
        ("AIP", "400", "REMI OKAFOR", "MD"),
    ]
    assert [one.text for one in notice.groups] == ["CARDIOLOGY"]
    assert (notice.family, notice.given, choose_phone(notice.telecoms)) == ("CANARY", "MIRA", "5550134")


def test_a_message_of_a_later_version_says_more() -> None:
    notice = read_notice(parse(LATER))
    assert (notice.placer.authority, notice.visit_number.authority, notice.visit_number.type) == ("SCHED", "ALDER", "VN")
    assert (notice.appointment_reason.code, notice.appointment_type.text, notice.minutes) == ("FOLLOWUP", "Video visit", 30)
    assert interval(notice, "") == (datetime(2026, 3, 5, 20, 30, tzinfo=UTC), datetime(2026, 3, 5, 21, 0, tzinfo=UTC))
    assert (notice.department.code, notice.department.system) == ("CARD", "ALDER")
    assert (choose_phone(notice.telecoms), language_tag(notice.language)) == ("+16125550101", "es")
    ail = notice.resources[1]
    assert (ail.segment, ail.id.code, ail.id.text, ail.id.system, ail.kind.text) == ("AIL", "CARD", "ROOM 1", "ALDER", "Clinic")


EVENTS = {
    **dict.fromkeys(("S12", "S13", "S14", "S18", "S19", "S20", "S21", "S22", "S23", "S24"), "booked"),
    "S15": "cancelled",
    "S16": "cancelled",
    "S17": "entered-in-error",
    "S26": "noshow",
}


@pytest.mark.parametrize(
    ("event", "shape"), list(product(EVENTS, ["SIU^{}", "SIU^{}^SIU_S12", "SIU^{}^SIU_{}", " SIU ^ {} ", "SIU^^SIU_{}"]))
)
def test_every_event_has_its_status(event: str, shape: str) -> None:
    notice = read(EPIC_LIKE, {"MSH-9": shape.format(event, event)})
    assert (notice.event, notice.status) == (event, EVENTS[event])


@pytest.mark.parametrize(
    ("event", "filler", "expected"),
    [
        ("S12", "Booked^Booked^HL70278", "booked"),
        ("S14", "Overbook", "booked"),
        ("S14", "Started", "booked"),
        ("S14", "Complete", "booked"),
        ("S12", "PENDING", "pending"),
        ("S12", "Waitlist", "pending"),
        ("S14", "Cancelled", "cancelled"),
        ("S14", "Dc", "cancelled"),
        ("S13", "Deleted", "entered-in-error"),
        ("S14", "Noshow", "noshow"),
        ("S12", "1^SCH", "booked"),
        ("S15", "Booked", "cancelled"),
        ("S17", "Booked", "entered-in-error"),
        ("S26", "Pending", "noshow"),
    ],
)
def test_the_filler_status_counts_where_the_event_leaves_the_appointment_standing(event: str, filler: str, expected: str) -> None:
    assert read(EPIC_LIKE, {"MSH-9": f"SIU^{event}", "SCH-25": filler}).status == expected


@pytest.mark.parametrize(
    ("message", "fields", "without", "starts", "ends"),
    [
        pytest.param(EPIC_LIKE, {}, (), "14:30", "14:50", id="SCH-11.4 and the duration"),
        pytest.param(EPIC_LIKE, {"SCH-11": "^^^202603051430^202603051600"}, (), "14:30", "16:00", id="SCH-11.4 and SCH-11.5"),
        pytest.param(EPIC_LIKE, {"SCH-11": ""}, (), "14:30", "14:50", id="the resource that begins first"),
        pytest.param(EPIC_LIKE, {"SCH-11": "", "AIP-6": "202603051400"}, (), "14:00", "14:20", id="which is a person"),
        pytest.param(EPIC_LIKE, {"SCH-11": ""}, ("AIG", "AIP"), None, None, id="nobody says when"),
        pytest.param(LATER, {}, (), "14:30", "15:00", id="TQ1 before SCH-11"),
        pytest.param(LATER, {"TQ1-8": ""}, (), "14:30", "15:00", id="TQ1-7 and the duration"),
        pytest.param(LATER, {"TQ1-7": ""}, (), "00:00", "00:30", id="an empty TQ1 leaves it to SCH-11"),
        pytest.param(LATER, {"TQ1-8": "20260305140000-0600"}, (), "14:30", None, id="an end before the start is none"),
        pytest.param(LATER, {"TQ1-7": '""'}, (), "00:00", "00:30", id="a deleted start is none"),
    ],
)
def test_start_and_end_come_from_one_place(
    message: bytes, fields: dict[str, str], without: tuple[str, ...], starts: str | None, ends: str | None
) -> None:
    found = interval(read(message, fields, without=without), "Etc/GMT+6")
    assert [one and f"{(one.hour - 6) % 24:02}:{one.minute:02}" for one in found] == [starts, ends]


@pytest.mark.parametrize(
    ("amount", "unit", "minutes"),
    [
        ("60", "s", 1),
        ("61", "s", 2),
        ("70", "Min", 70),
        ("70", "MIN^minutes^ISO+", 70),
        ("70", "", 70),
        ("70", "^min", 70),
        ("1.5", "h", 90),
        ("2", "HR", 120),
        ("1", "d", 1440),
        ("20.2", "min", 21),
    ],
)
def test_a_duration_is_read_in_its_unit(amount: str, unit: str, minutes: int) -> None:
    assert read(EPIC_LIKE, {"SCH-9": amount, "SCH-10": unit}).minutes == minutes


@pytest.mark.parametrize(("amount", "unit"), [("70", "fortnight"), ("x", "min"), ("0", "min"), ("-5", "min"), ("nan", "min"), ("1e9", "h")])
def test_a_duration_that_makes_no_sense_is_looked_for_elsewhere(amount: str, unit: str) -> None:
    said = {"SCH-9": amount, "SCH-10": unit}
    assert read(EPIC_LIKE, said).minutes == 20  # of the room
    assert read(EPIC_LIKE, {**said, "SCH-11": "^^M45^202603051430"}).minutes == 45
    assert read(LATER, {**said, "TQ1-6": "25^min", "AIS-7": ""}).minutes == 25
    assert read(LATER, {**said, "AIS-7": ""}).minutes is None


@pytest.mark.parametrize(
    ("fields", "without", "code"),
    [
        ({"MSH-9": "ADT^A01"}, (), "hl7-type"),
        ({"MSH-9": ""}, (), "hl7-type"),
        ({"MSH-9": "SIU^S25"}, (), "hl7-event"),
        ({"MSH-9": "SIU"}, (), "hl7-event"),
        ({}, ("SCH",), "hl7-no-appointment"),
        ({"SCH-11": "^^^tomorrow"}, (), "hl7-time"),
        ({"SCH-11": "^^^20260230"}, (), "hl7-time"),
        ({"NTE-3": "x\rPID|2"}, (), "hl7-several"),
        ({"NTE-3": "x\rMSH|^~\\&|"}, (), "hl7-several"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(fields: dict[str, str], without: tuple[str, ...], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(EPIC_LIKE, fields, without=without)
    assert caught.value.code == code
    assert "CANARY" not in str(caught.value)


def test_times_that_only_put_messages_in_order_may_be_wrong() -> None:
    notice = read(EPIC_LIKE, {"MSH-7": "yesterday"})
    assert notice.sent_at is None
    told = read_notice(parse(EPIC_LIKE + b"\rEVN|S12|202603050900-0600"))
    assert told.happened_at is not None
    assert told.happened_at.offset_minutes == -360


@pytest.mark.parametrize("field", ["PID-5", "PID-13", "PID-14", "PID-15", "PID-40"])
def test_a_null_deletes_and_an_empty_field_says_nothing(field: str) -> None:
    assert read(LATER, {field: '""'}).deleted == (field,)
    assert read(LATER, {field: ""}).deleted == ()


def test_a_null_is_no_value_anywhere() -> None:
    fields = dict.fromkeys(
        ("SCH-1", "SCH-7", "SCH-8", "SCH-9", "PID-5", "PID-13", "PID-15", "PV1-3", "PV1-19", "AIS-3", "AIL-3", "AIP-3"), '""'
    )
    notice = read(LATER, fields)
    assert (notice.placer.id, notice.appointment_reason.text, notice.family, notice.telecoms) == ("", "", "", ())
    assert (notice.department.code, notice.visit_number.id, language_tag(notice.language)) == ("", "", "")
    assert {one.id.code for one in notice.resources} == {""}
    assert '""' not in repr(notice)


def test_names_and_codes_are_read_through_escapes_subcomponents_and_control_characters() -> None:
    notice = read(
        LATER,
        {
            "PID-5": r"O\T\BRIEN&van^J\S\OAN",
            "AIS-3": r"0\R\1^FOLLOW\.br\UP",
            "PV1-3": "CARD&x^ROOM^^ALDER&1.2&ISO",
            "SCH-2": r"70\F\1",
            "SCH-8": "VIDEO\x0b\x07^a\tb",
        },
    )
    assert (notice.family, notice.given, notice.filler.id) == ("O&BRIEN", "J^OAN", "70|1")
    assert (notice.visit_type.code, notice.visit_type.text) == ("0~1", "FOLLOW UP")
    assert (notice.department.code, notice.department.system) == ("CARD", "ALDER")
    assert (notice.appointment_type.code, notice.appointment_type.text) == ("VIDEO", "a b")


def test_the_first_repetition_counts_and_an_alternate_code_stands_in_for_a_missing_one() -> None:
    notice = read(LATER, {"PID-5": "FIRST^A~SECOND^B", "AIS-3": "^^^002^ALTERNATE^L", "SCH-8": "^Text only"})
    assert (notice.family, notice.given) == ("FIRST", "A")
    assert (notice.visit_type.code, notice.visit_type.text) == ("002", "ALTERNATE")
    assert (notice.appointment_type.code, notice.appointment_type.text) == ("", "Text only")


def test_other_delimiters_mean_the_same() -> None:
    swap = str.maketrans("|^~\\&", "!@*%$")
    assert read_notice(parse(LATER.decode().replace("@", "(at)").translate(swap).encode())) == read_notice(
        parse(LATER.replace(b"@", b"(at)"))
    )


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_segments_may_end_in_any_way_and_be_followed_by_anything(ending: str) -> None:
    text = ending.join(LATER.decode().split("\r"))
    assert read_notice(parse((text + ending * 3 + "\x1c \x00 rubbish").encode())) == read_notice(parse(LATER))
    mixed = LATER.decode().replace("\r", "\n", 3).replace("\r", "\r\n", 3)
    assert read_notice(parse(mixed.encode())) == read_notice(parse(LATER))


def test_nothing_about_the_patient_shows_in_a_log() -> None:
    notice = read_notice(parse(LATER))
    shown = f"{notice!r} {notice} {notice.telecoms!r} {parse(LATER)!r} {parse(LATER).first('PID')!r}"
    for secret in ("CANARY", "JOAN", "5550101", "joan@", "Z100201", "OKAFOR"):
        assert secret not in shown.replace("REMI OKAFOR", "")
