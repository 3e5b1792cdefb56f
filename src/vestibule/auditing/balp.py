"""Entries as FHIR R4 AuditEvent, in the patterns of IHE Basic Audit Log Patterns (BALP 1.1.x). Pure.

An act that made, read, changed or removed something and came off follows the BALP pattern of that name, its Patient form where a patient
took part. What BALP has no pattern for is a plain AuditEvent: signing in and out, refusals, failures (its patterns fix the outcome).
A patient is known by the participant's id alone; a reference by identifier says no more than the audit itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from enum import Enum
from typing import Any, Final

from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Actor, Outcome
from vestibule.platform.audit.model import Entry, Written

_PROFILE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_THO: Final = "http://terminology.hl7.org/CodeSystem/"
_REST: Final = f"{_THO}audit-event-type"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_ENTITY: Final = f"{_THO}audit-entity-type"
_ROLE: Final = f"{_THO}object-role"
_PARTICIPATION: Final = f"{_THO}v3-ParticipationType"
_BALP_ENTITY: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_OUTCOMES: Final = {Outcome.SUCCESS: "0", Outcome.REFUSED: "4", Outcome.FAILED: "8"}
# What FHIR calls the things we write about; the others have no resource of their own.
_RESOURCES: Final = {
    "visit": "Encounter",
    "organisation": "Organization",
    "department": "Location",
    "member": "Practitioner",
    "connection": "Endpoint",
    "token": "Device",
    "effect": "Task",
}
_DISPLAYS: Final = {"110150": "Application", "110152": "Destination Role ID", "110153": "Source Role ID"}


class Shape(Enum):
    """What kind of event an act is: BALP pattern or DICOM event, interaction or subtype, FHIR action."""

    CREATE = ("Create", "create", "C")
    READ = ("Read", "read", "R")
    UPDATE = ("Update", "update", "U")
    DELETE = ("Delete", "delete", "D")
    LOGIN = ("110114", "110122", "E")
    LOGOUT = ("110114", "110123", "E")
    ALERT = ("110113", "", "E")
    EXPORT = ("110106", "", "R")

    @property
    def restful(self) -> bool:
        """Whether BALP has a pattern for it."""
        return self in {Shape.CREATE, Shape.READ, Shape.UPDATE, Shape.DELETE}


_DICOM: Final = {
    "110106": "Export",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110122": "Login",
    "110123": "Logout",
}
_SHAPES: Final = {
    "session.opened": Shape.LOGIN,
    "session.closed": Shape.LOGOUT,
    "session.signed-out": Shape.LOGOUT,
    "sign-in.succeeded": Shape.LOGIN,
    "sign-in.refused": Shape.LOGIN,
    "access.refused": Shape.ALERT,
    "access.crossed": Shape.ALERT,
    "audit.exported": Shape.EXPORT,
    "launch.joined": Shape.READ,
    "link.used": Shape.READ,
    "ticket.used": Shape.READ,
    "visit.connected": Shape.READ,
}
_MAKES: Final = re.compile(r"\.(made|added|created|started|invited|issued)$")
_REMOVES: Final = re.compile(r"\.(removed|withdrawn|revoked|discarded|retired)$")


def shape_of(action: str) -> Shape:
    """The kind of event an action is; one nobody has placed is a change."""
    if action in _SHAPES:
        return _SHAPES[action]
    if action.startswith("visit."):  # removing somebody changes the visit
        return Shape.UPDATE
    return Shape.CREATE if _MAKES.search(action) else Shape.DELETE if _REMOVES.search(action) else Shape.UPDATE


def audit_event(written: Written, tenant: TenantId, origin: str) -> dict[str, Any]:
    """One entry as an AuditEvent.

    Args:
        written: the entry.
        tenant: whose it is.
        origin: ours: the server that did it and that observed it.
    """
    entry = written.entry
    shape = shape_of(entry.action)
    patient = _patient(entry)
    follows = shape.restful and entry.outcome is Outcome.SUCCESS
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": f"{tenant.hex}-{written.seq}"}
    if follows:
        event["meta"] = {"profile": [f"{_PROFILE}{'Patient' if patient else ''}{shape.value[0]}"]}
    event |= _what_kind(shape)
    event["recorded"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    event["outcome"] = _OUTCOMES[entry.outcome]
    if entry.outcome is not Outcome.SUCCESS and entry.detail.get("code"):
        event["outcomeDesc"] = entry.detail["code"]
    event["agent"] = _agents(entry.actor, shape, origin)
    event["source"] = {
        "site": str(tenant),
        "observer": _server(origin),
        "type": [_coding(f"{_THO}security-source-type", "4", "Application Server")],
    }
    event["entity"] = _entities(written, patient)
    return event


def _what_kind(shape: Shape) -> dict[str, Any]:
    kind, sub, action = shape.value
    if shape.restful:
        return {"type": _coding(_REST, "rest", "Restful Operation"), "subtype": [_coding(_INTERACTION, sub, sub)], "action": action}
    told: dict[str, Any] = {"type": _coding(_DCM, kind, _DICOM[kind])}
    return told | ({"subtype": [_coding(_DCM, sub, _DICOM[sub])]} if sub else {}) | {"action": action}


def _agents(actor: Actor, shape: Shape, origin: str) -> list[dict[str, Any]]:
    """The machine that asked, ours, and the person or program where one is known."""
    asks, answers = _coding(_DCM, "110153", _DISPLAYS["110153"]), _coding(_DCM, "110152", _DISPLAYS["110152"])
    if shape is Shape.READ:
        asks, answers = answers, asks
    elif shape is Shape.DELETE:
        asks = _coding(_DCM, "110150", _DISPLAYS["110150"])
        answers = _coding(f"{_THO}provenance-participant-type", "custodian", "Custodian")
    ours = {"address": origin, "type": "5"}
    theirs = {"address": actor.address, "type": "2"} if actor.address else ours
    client = _named("session", actor.session) if actor.session else {"display": "a browser or program" if actor.address else "Vestibule"}
    found: list[dict[str, Any]] = [
        {"type": {"coding": [asks]}, "who": client, "requestor": False, "network": theirs},
        {"type": {"coding": [answers]}, "who": _server(origin), "requestor": False, "network": ours},
    ]
    if actor.id:
        found.append(_user(actor, shape))
    elif actor.kind in {"nobody", "system"}:
        found[0]["requestor"] = True
    return found


def _user(actor: Actor, shape: Shape) -> dict[str, Any]:
    code = ("IRCP", "information recipient") if shape is Shape.READ else ("AUT", "author (originator)")
    kind = {"staff": "member", "visitor": "participant"}.get(actor.kind, actor.kind)
    return {"type": {"coding": [_coding(_PARTICIPATION, *code)]}, "who": _named(kind, actor.id), "requestor": True}


def _entities(written: Written, patient: str) -> list[dict[str, Any]]:
    entry = written.entry
    kind, name = (entry.about_kind, entry.about_id) if entry.about_id else ("entry", str(written.seq))
    found: list[dict[str, Any]] = [
        {
            "what": _named(kind, name),
            "type": _coding(_ENTITY, "2", "System Object"),
            "role": _coding(_ROLE, "4", "Domain Resource"),
        }
    ]
    if patient:
        what = {"type": "Patient", "identifier": {"system": "urn:vestibule:participant", "value": patient}}
        found.append({"what": what, "type": _coding(_ENTITY, "1", "Person"), "role": _coding(_ROLE, "1", "Patient")})
    if entry.actor.reference:
        what = {"identifier": {"value": entry.actor.reference}}
        found.append({"what": what, "type": _coding(_BALP_ENTITY, "XrequestId")})
    told = {"action": entry.action, **entry.detail, "seq": str(written.seq), "hash": written.hash.hex()}
    found.append(
        {
            "what": _named("entry", str(written.seq)),
            "type": _coding(_ENTITY, "4", "Other"),
            "detail": [{"type": name, "valueString": value} for name, value in told.items() if name and value],
        }
    )
    return found


def _patient(entry: Entry) -> str:
    """The participant who is the visit's patient, when this is about them or done by them."""
    role: Mapping[str, str] = entry.detail
    if entry.about_kind != "visit":
        return ""
    if role.get("role") == "patient" and role.get("participant"):
        return role["participant"]
    if entry.actor.kind == "visitor" and role.get("role") == "patient":
        return entry.actor.id
    return ""


def _named(kind: str, name: str) -> dict[str, Any]:
    resource = {"type": _RESOURCES[kind]} if kind in _RESOURCES else {}
    return {**resource, "identifier": {"system": f"urn:vestibule:{kind}", "value": name}, "display": kind}


def _server(origin: str) -> dict[str, Any]:
    return {"type": "Device", "identifier": {"system": "urn:ietf:rfc:3986", "value": origin}, "display": "Vestibule"}


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})
