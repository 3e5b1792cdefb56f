"""The interface engine over real sockets: the schedule is told in order, again after a lost acknowledgement, and after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from practice.server import Running, start
from support.hl7_receiver import Receiver, receiving
from support.practice_app import App

LATER = "2030-05-06T15:30:00Z"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
def told(hospital: Running, receiver: Receiver) -> Running:
    hospital.setup(interface={"on": True, "port": receiver.port, "retry_seconds": 0.02, "ack_seconds": 30})
    return hospital


def book(hospital: Running, **more: Any) -> str:
    people = hospital.hospital.book
    visit = {"patient": people.patients[0].id, "practitioner": people.practitioners[0].id, "start": LATER, **more}
    touched = hospital.setup(appointments=[visit])["touched"]["appointments"]
    made = people.appointment(touched[0]) or hospital.hospital.book.appointment(touched[0])
    assert made is not None
    return made.csn


async def test_booking_moving_and_cancelling_are_told_in_order_with_the_csn(told: Running, receiver: Receiver) -> None:
    csn = book(told)
    told.setup(appointments=[{"csn": csn, "start": "2030-05-07T15:30:00Z"}])
    told.setup(appointments=[{"csn": csn, "status": "cancelled"}])
    assert await told.hospital.engine.settled()
    assert receiver.events() == ["S12", "S13", "S15"]
    assert {body.split(b"\rSCH|")[1].split(b"|")[1].decode() for body in receiver.got} == {csn}
    assert [(e["event"], e["ack"], e["outcome"]) for e in told.ledger("hl7")] == [(event, "AA", "ok") for event in ("S12", "S13", "S15")]


@pytest.mark.parametrize(
    ("change", "event"),
    [
        ({"minutes": 45}, "S13"),
        ({"reason": "Something else"}, "S14"),
        ({"type": "2001"}, "S14"),
        ({"place": "clinic"}, "S14"),
        ({"status": "noshow"}, "S26"),
        ({"status": "entered-in-error"}, "S17"),
        ({"others": ["31"]}, "S18"),
        ({"practitioner": "23"}, "S19"),
    ],
    ids=str,
)
async def test_each_change_has_its_event(told: Running, receiver: Receiver, change: dict[str, Any], event: str) -> None:
    csn = book(told)
    told.setup(appointments=[{"csn": csn, **change}])
    assert await told.hospital.engine.settled()
    assert receiver.events() == ["S12", event]


async def test_nothing_is_told_of_what_nobody_needs_to_know(told: Running) -> None:
    csn = book(told)
    told.setup(appointments=[{"csn": csn, "status": "arrived"}])
    told.setup(appointments=[{"csn": csn, "status": "fulfilled"}], settings={"frame": "window"})
    assert [one.event for one in told.hospital.engine.queue] == ["S12"]


async def test_a_lost_acknowledgement_brings_the_same_bytes_again_and_the_rest_waits(told: Running, receiver: Receiver) -> None:
    receiver.answers.extend([None, None])
    csn = book(told)
    told.setup(appointments=[{"csn": csn, "minutes": 50}])
    assert await told.hospital.engine.settled()
    assert receiver.events() == ["S12", "S12", "S12", "S13"]
    assert len(set(receiver.got[:3])) == 1
    assert [e["outcome"] for e in told.ledger("hl7")] == ["trouble", "trouble", "ok", "ok"]


async def test_a_refusal_is_final_and_stands_in_the_ledger(told: Running, receiver: Receiver) -> None:
    receiver.answers.extend(["AR", "AE"])
    book(told)
    book(told)
    assert await told.hospital.engine.settled()
    assert [(e["ack"], e["outcome"]) for e in told.ledger("hl7")] == [("AR", "refused"), ("AE", "refused")]


async def test_one_connection_is_kept_for_many_messages(told: Running, receiver: Receiver) -> None:
    for _ in range(5):
        book(told)
    assert await told.hospital.engine.settled()
    assert (len(receiver.got), receiver.connections) == (5, 1)


async def test_the_queue_survives_a_restart(tmp_path: Path) -> None:
    first = await start(data=tmp_path)
    first.setup(interface={"on": True, "port": 1, "retry_seconds": 0.02})
    csn = book(first)
    await first.wait("hl7")
    controls = [one.control for one in first.hospital.engine.queue]
    await first.stop()
    async with receiving() as receiver:
        second = await start(data=tmp_path)
        second.setup(interface={"port": receiver.port})
        second.setup(appointments=[{"csn": csn, "status": "cancelled"}])
        assert await second.hospital.engine.settled()
        assert receiver.events() == ["S12", "S15"]
        assert receiver.controls()[0] == controls[0]
        assert receiver.controls()[1] != controls[0]
        await second.stop()


async def test_the_schedule_can_be_asked_over_http(app: App, told: Running, receiver: Receiver) -> None:
    booked = await app.ask("POST", "/schedule.json", json={"do": "book", "patient": "Z4575", "practitioner": "19", "start": LATER})
    assert [m["event"] for m in booked.json["messages"]] == ["S12"]
    csn = booked.json["csn"]
    for do, more in (("move", {"start": "2030-05-08T15:30:00Z"}), ("cancel", {})):
        assert (await app.ask("POST", "/schedule.json", json={"do": do, "csn": csn, **more})).status == 200
    seen = (await app.ask("GET", "/interface.json?wait=10")).json
    assert (seen["settled"], [(m["event"], m["state"], m["ack"]) for m in seen["queue"]]) == (
        True,
        [(event, "accepted", "AA") for event in ("S12", "S13", "S15")],
    )
    assert receiver.events() == ["S12", "S13", "S15"]
    for wrong in ({"do": "move", "csn": "none"}, {"do": "dance"}, []):
        assert (await app.ask("POST", "/schedule.json", json=wrong)).status == 400


@pytest.mark.parametrize(
    ("trick", "torn", "got"),
    [("bytes", 0, ["S12"]), ("half", 1, ["S12"]), ("hang-up", 0, ["S12", "S12"])],
)
async def test_it_misbehaves_on_request_and_loses_nothing(told: Running, receiver: Receiver, trick: str, torn: int, got: list[str]) -> None:
    told.setup(interface={"trick": trick})
    book(told)
    assert await told.hospital.engine.settled()
    assert (receiver.events(), len(receiver.torn)) == (got, torn)
    assert len(set(receiver.got)) == 1


async def test_a_held_queue_waits_and_a_message_can_go_out_of_order(told: Running, receiver: Receiver) -> None:
    told.setup(interface={"held": True})
    csn = book(told)
    told.setup(appointments=[{"csn": csn, "status": "cancelled"}])
    engine = told.hospital.engine
    booked, cancelled = engine.queue
    engine.push(cancelled)
    await told.wait("hl7")
    assert receiver.events() == ["S15"]
    assert booked.state == "queued"
    told.setup(interface={"held": False})
    engine.wake()
    assert await engine.settled()
    assert receiver.events() == ["S15", "S12"]


async def test_many_connections_never_mix_up_one_appointment(told: Running, receiver: Receiver) -> None:
    told.setup(interface={"lanes": 8})
    csns = [book(told) for _ in range(6)]
    for minutes in (35, 40, 45):
        for csn in csns:
            told.setup(appointments=[{"csn": csn, "minutes": minutes}])
    assert await told.hospital.engine.settled()
    for csn in csns:
        mine = [body for body in receiver.got if f"|{csn}|".encode() in body.split(b"\rSCH")[1][:30]]
        assert [body.split(b"\rSCH|")[1].split(b"|")[8] for body in mine] == [b"30", b"35", b"40", b"45"]
    assert receiver.connections > 1


async def test_it_is_told_again_what_changes_of_a_patient(told: Running, receiver: Receiver) -> None:
    csn = book(told)
    patient = told.hospital.book.patients[0]
    told.setup(patients=[{"id": patient.id, "phone": "(608) 555-0199"}])
    assert await told.hospital.engine.settled()
    mine = [body for body in receiver.got if f"|{csn}|".encode() in body]
    assert b"SIU^S14" in mine[-1]
    assert b"(608) 555-0199^PRN^CP" in mine[-1]


async def test_every_visit_to_come_can_be_announced_and_a_message_removed(app: App, told: Running, receiver: Receiver) -> None:
    assert (await app.ask("POST", "/interface/press/hold")).status == 303
    assert (await app.ask("POST", "/interface/press/all")).status == 303
    waiting = list(told.hospital.engine.queue)
    assert {one.event for one in waiting} == {"S12"}
    assert len(waiting) > 5
    assert (await app.ask("POST", f"/interface/message/{waiting[0].number}/drop")).status == 303
    assert (await app.ask("POST", "/interface/press/release")).status == 303
    assert await told.hospital.engine.settled()
    assert len(receiver.got) == len(waiting) - 1
    assert "removed" in (await app.ask("GET", "/interface")).text


@pytest.mark.parametrize("path", ["/interface/press/dance", "/interface/message/1/dance", "/interface/message/999/again"])
async def test_a_button_that_is_not_there_is_refused(app: App, told: Running, path: str) -> None:
    book(told)
    assert (await app.ask("POST", path)).status in {400, 404}


async def test_the_certificate_is_handed_out_and_no_key_with_it(app: App, hospital: Running) -> None:
    first = (await app.ask("GET", "/interface/public-key.cer")).text
    assert first.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in first
    assert (await app.ask("POST", "/interface/press/key")).status == 303
    assert (await app.ask("GET", "/interface/public-key.cer")).text != first


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"host": "a b"},
        {"transport": "pigeon"},
        {"trust": "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"},
        {"transport": "https", "on": True},
        {"lanes": 1000},
        {"nonsense": 1},
    ],
    ids=str,
)
async def test_settings_that_cannot_work_are_refused(app: App, wrong: dict[str, Any]) -> None:
    assert (await app.ask("POST", "/setup", json={"interface": wrong})).status == 400
