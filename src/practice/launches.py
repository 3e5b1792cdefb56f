"""Pressing "Begin virtual visit": a launch ticket for one person, one visit and one launch record, and the address to open."""

from __future__ import annotations

from urllib.parse import urlencode

from practice.hospital import Hospital
from practice.model import Appointment, LaunchRecord
from practice.oauth.grants import Context, Person
from practice.records import held


class CannotLaunch(Exception):
    """Why the button does nothing."""


def record_for(house: Hospital, kind: str) -> LaunchRecord:
    """The launch record behind the button of a clinician or a patient."""
    record = held(house.book, kind) or next((r for r in house.book.launches if r.key == kind), None)
    if record is None:
        raise CannotLaunch(f"no launch record for {kind}; an analyst enters it under Records")
    if record.kind == "sms-configuration":
        raise CannotLaunch("the SMS configuration is no launch")
    if not record.url:
        raise CannotLaunch(f"the launch record {record.key} has no URL yet; an analyst sets it on the configuration page")
    if house.book.app(record.client_id) is None:
        raise CannotLaunch(f"the launch record {record.key} names a client that is not registered")
    return record


def opens_window(house: Hospital) -> bool:
    """Whether the clinician's button opens a window of its own: the record's launch type says so, else the settings."""
    record = held(house.book, "provider")
    kind = record.launch_type if record else ""
    return kind == "External Window" or (not kind and house.book.settings.frame == "window")


def begin(house: Hospital, kind: str, visit: Appointment, user: str = "") -> str:
    """The launch address, with a fresh `launch` in it. The user defaults to the visit's own clinician or patient."""
    record = record_for(house, f"group-{kind}" if visit.group and kind in {"provider", "patient"} else kind)
    context = Context(user=_who(house, record, visit, user), patient=visit.patient, appointment=visit.id, record=record.key)
    ticket = house.grants.ticket(record.client_id, context, house.book.settings.launch_seconds)
    house.ledger.append({"kind": "launch", "record": record.key, "client": record.client_id, "csn": visit.csn, "outcome": "ok"})
    joint = "&" if "?" in record.url else "?"
    return f"{record.url}{joint}{urlencode({'iss': house.at.fhir, 'launch': ticket.value})}"


def _who(house: Hospital, record: LaunchRecord, visit: Appointment, user: str) -> Person:
    if record.side == "provider":
        practitioner = house.book.practitioner(user or visit.practitioner)
        if practitioner is None:
            raise CannotLaunch("no such clinician")
        return Person("Practitioner", practitioner.id)
    patient = house.book.patient(user or visit.patient)
    if patient is None or patient.id != visit.patient:
        raise CannotLaunch("this is not the patient's own visit")
    return Person("Patient", patient.id)
