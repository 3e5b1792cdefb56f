"""The hospital's people and visits as FHIR R4 resources."""

from __future__ import annotations

from typing import Any

from practice.hospital import Hospital
from practice.live import Live
from practice.model import VISIT_TYPES, Appointment, Patient, Practitioner
from practice.times import instant, seconds

Resource = dict[str, Any]

CSN_SYSTEM = "urn:oid:1.2.840.114350.1.13.0.1.7.3.698084.8"
CONFERENCE_SYSTEM = "urn:oid:1.2.840.114350.1.13.0.1.7.9.1"  # the practice hospital's own number
MRN_SYSTEM = "urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.14"
EPT_SYSTEM = "urn:oid:1.2.840.114350.1.13.0.1.7.2.698084"
EMP_SYSTEM = "urn:oid:1.2.840.114350.1.13.0.1.7.2.697780"
CLASS_SYSTEM = "urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260"
_SNOMED_TELEHEALTH = {"system": "http://snomed.info/sct", "code": "448337001", "display": "Telehealth Visit"}
_ENCOUNTER_STATUS = {
    "cancelled": "cancelled",
    "noshow": "cancelled",
    "entered-in-error": "entered-in-error",
    "fulfilled": "finished",
    "arrived": "arrived",
}


def patient(one: Patient) -> Resource:
    """A Patient."""
    telecom = [
        {"system": system, "value": value, "use": use}
        for system, value, use in (("phone", one.phone, "mobile"), ("email", one.email, "home"))
        if value
    ]
    return {
        "resourceType": "Patient",
        "id": one.id,
        "identifier": [
            {"use": "usual", "type": {"text": "MRN"}, "system": MRN_SYSTEM, "value": one.mrn},
            {"use": "usual", "type": {"text": "EPTID"}, "system": EPT_SYSTEM, "value": one.ept},
        ],
        "active": True,
        "name": [{"use": "official", "text": one.name, "family": one.family, "given": [one.given]}],
        "telecom": telecom,
        "gender": one.gender,
        "birthDate": one.birth_date,
        "communication": [{"language": {"text": one.language}, "preferred": True}],
    }


def practitioner(one: Practitioner) -> Resource:
    """A Practitioner."""
    return {
        "resourceType": "Practitioner",
        "id": one.id,
        "identifier": [
            {"use": "usual", "type": {"text": "EMPID"}, "system": EMP_SYSTEM, "value": one.emp},
            {"use": "usual", "type": {"text": "LOGIN"}, "value": one.login},
        ],
        "active": True,
        "name": [
            {"use": "usual", "text": one.name, "family": one.family, "given": [one.given], "suffix": [one.title] if one.title else []}
        ],
        "qualification": [{"code": {"text": one.specialty}}] if one.specialty else [],
    }


def _numbers(one: Appointment) -> list[Resource]:
    return [
        {"use": "usual", "type": {"text": "CSN"}, "system": CSN_SYSTEM, "value": one.csn},
        {"use": "secondary", "type": {"text": "Conference"}, "system": CONFERENCE_SYSTEM, "value": one.conference},
    ]


def _actor(kind: str, key: str, name: str) -> Resource:
    return {"reference": f"{kind}/{key}", "display": name}


def _names(house: Hospital, one: Appointment) -> tuple[Resource, Resource, Resource]:
    who, whom, where = house.book.practitioner(one.practitioner), house.book.patient(one.patient), house.book.department(one.department)
    return (
        _actor("Patient", one.patient, whom.name if whom else ""),
        _actor("Practitioner", one.practitioner, who.name if who else ""),
        _actor("Location", one.department, where.name if where else ""),
    )


def appointment(house: Hospital, one: Appointment) -> Resource:
    """An Appointment."""
    accepted = "declined" if one.status in {"cancelled", "entered-in-error"} else "accepted"
    return {
        "resourceType": "Appointment",
        "id": one.id,
        "identifier": _numbers(one),
        "status": one.status,
        "serviceType": [{"coding": [_SNOMED_TELEHEALTH] if one.video else [], "text": VISIT_TYPES[one.type].title()}],
        "reasonCode": [{"text": one.reason}] if one.reason else [],
        "start": one.start,
        "end": instant(seconds(one.start) + one.minutes * 60),
        "minutesDuration": one.minutes,
        "participant": [{"actor": actor, "required": "required", "status": accepted} for actor in _names(house, one)],
    }


def _stage(live: Live, one: Appointment) -> str:
    if one.status in _ENCOUNTER_STATUS:
        return _ENCOUNTER_STATUS[one.status]
    return {"both": "in-progress", "provider": "in-progress", "patient": "arrived"}.get(live.summary(one.id), "planned")


def encounter(house: Hospital, one: Appointment) -> Resource:
    """The Encounter of an appointment."""
    subject, who, where = _names(house, one)
    return {
        "resourceType": "Encounter",
        "id": one.encounter,
        "identifier": _numbers(one)[:1],
        "status": _stage(house.live, one),
        "class": {"system": CLASS_SYSTEM, "code": "13", "display": "Support OP Encounter"},
        "type": [{"text": VISIT_TYPES[one.type].title()}],
        "subject": subject,
        "participant": [{"individual": who}],
        "appointment": [{"reference": f"Appointment/{one.id}"}],
        "period": {"start": one.start},
        "location": [{"location": where}],
    }


def all_of(house: Hospital, kind: str) -> list[Resource]:
    """Every resource of a type."""
    if kind == "Patient":
        return [patient(one) for one in house.book.patients]
    if kind == "Practitioner":
        return [practitioner(one) for one in house.book.practitioners]
    if kind == "Appointment":
        return [appointment(house, one) for one in house.book.appointments]
    return [encounter(house, one) for one in house.book.appointments]


def find(house: Hospital, kind: str, key: str) -> Resource | None:
    """One resource by its FHIR id, and by nothing else."""
    if kind == "Patient":
        return next((patient(one) for one in house.book.patients if one.id == key), None)
    if kind == "Practitioner":
        return next((practitioner(one) for one in house.book.practitioners if one.id == key), None)
    if kind == "Appointment":
        return next((appointment(house, one) for one in house.book.appointments if one.id == key), None)
    return next((encounter(house, one) for one in house.book.appointments if one.encounter == key), None)


def subject_of(resource: Resource) -> str | None:
    """Whose compartment a resource is in: a patient id, or None when it is nobody's."""
    kind = resource["resourceType"]
    if kind == "Patient":
        return str(resource["id"])
    if kind == "Practitioner":
        return None
    actors = [resource["subject"]] if kind == "Encounter" else [p["actor"] for p in resource["participant"]]
    return next((a["reference"].removeprefix("Patient/") for a in actors if a["reference"].startswith("Patient/")), None)
