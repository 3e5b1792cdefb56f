"""Entries as FHIR R4 AuditEvent, clause by clause: AuditEvent itself, and IHE ITI BALP 1.1 (Create, Read, Update, Delete and Patient*)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from docs.reference import firsts
from vestibule.auditing.balp import Shape, audit_event, shape_of
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM, Actor, Outcome
from vestibule.platform.audit.model import GENESIS, Entry, Written

TENANT = TenantId(UUID("00000000-0000-7000-8000-000000000001"))
ORIGIN = "https://visits.alder.example"
PATIENT = "0199aaaa-0000-7000-8000-000000000007"
ACTORS = {
    "staff": Actor("staff", "0199aaaa-0000-7000-8000-000000000001", "0199aaaa-0000-7000-8000-000000000002", "10.0.0.7", "7QK-2MD-R4T"),
    "patient": Actor("visitor", PATIENT, "0199aaaa-0000-7000-8000-000000000003", "2001:db8::1", "7QK-2MD-R4T"),
    "program": Actor("token", "0199aaaa-0000-7000-8000-000000000004", "", "10.0.0.8", "7QK-2MD-R4T"),
    "system": SYSTEM,
    "nobody": Actor("nobody", address="10.0.0.9", reference="7QK-2MD-R4T"),
}
Event = dict[str, Any]
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"


def event(action: str, actor: Actor, outcome: Outcome = Outcome.SUCCESS, about: str = "visit", **detail: str) -> Event:
    about_id = "0199aaaa-0000-7000-8000-00000000000a" if about else ""
    entry = Entry(datetime(2026, 11, 21, 13, 1, 2, 3, UTC), actor, action, about, about_id, outcome, detail)
    made: Event = json.loads(msgspec.json.encode(audit_event(Written(7, entry, GENESIS, bytes(32)), TENANT, ORIGIN)))
    return made


def every() -> list[Event]:
    """Every documented action, by everybody, however it ended, with and without a patient in it."""
    found = []
    for action, actor, outcome, role in itertools.product(firsts("audit.md", "action"), ACTORS.values(), Outcome, ("patient", "provider")):
        found.append(event(action, actor, outcome, participant=PATIENT, role=role, code="some-code"))
    for action, actor, about in itertools.product(firsts("audit.md", "action"), ACTORS.values(), ("connection", "")):
        found.append(event(action, actor, about=about))
    return found


EVENTS = every()


def profile(one: Event) -> str:
    found: list[str] = one.get("meta", {}).get("profile", [])
    return found[0].removeprefix(BALP) if found else ""


def agents(one: Event, system: str, code: str) -> list[Event]:
    wanted = {"system": system, "code": code}
    return [a for a in one["agent"] if any(wanted.items() <= c.items() for c in a.get("type", {}).get("coding", []))]


def entities(one: Event, system: str, code: str) -> list[Event]:
    return [e for e in one["entity"] if {"system": system, "code": code}.items() <= e.get("type", {}).items()]


def users(one: Event) -> list[Event]:
    found: list[Event] = []
    for code in ("IRCP", "AUT", "INF", "CST"):
        found += agents(one, "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code)
    return found


def is_coding(value: Any) -> bool:
    return isinstance(value, dict) and re.fullmatch(r"(https?://|urn:)\S+", value.get("system", "")) is not None and value.get("code") != ""


def is_reference(value: Any) -> bool:
    return isinstance(value, dict) and ("reference" in value or "identifier" in value or bool(value.get("display")))


# What AuditEvent itself demands (http://hl7.org/fhir/R4/auditevent.html).
R4: list[tuple[str, Callable[[Event], bool]]] = [
    ("resourceType", lambda e: e["resourceType"] == "AuditEvent"),
    ("id: [A-Za-z0-9.-]{1,64}", lambda e: re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", e["id"]) is not None),
    ("type 1..1 Coding", lambda e: is_coding(e["type"])),
    ("subtype 0..* Coding", lambda e: all(is_coding(s) for s in e.get("subtype", []))),
    ("action: C R U D E", lambda e: e["action"] in set("CRUDE")),
    ("recorded 1..1 instant", lambda e: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", e["recorded"]) is not None),
    ("outcome: 0 4 8 12", lambda e: e["outcome"] in {"0", "4", "8", "12"}),
    ("agent 1..*", lambda e: len(e["agent"]) >= 1),
    ("agent.requestor 1..1 boolean", lambda e: all(isinstance(a["requestor"], bool) for a in e["agent"])),
    ("agent.type 0..1 CodeableConcept", lambda e: all(is_coding(c) for a in e["agent"] for c in a["type"]["coding"])),
    ("agent.who 0..1 Reference", lambda e: all(is_reference(a["who"]) for a in e["agent"])),
    ("agent.network.type: 1..5", lambda e: all(a["network"]["type"] in set("12345") for a in e["agent"] if "network" in a)),
    ("somebody asked for it", lambda e: sum(a["requestor"] for a in e["agent"]) == 1),
    ("source 1..1, source.observer 1..1 Reference", lambda e: is_reference(e["source"]["observer"])),
    ("source.type 0..* Coding", lambda e: all(is_coding(t) for t in e["source"]["type"])),
    ("entity.what Reference", lambda e: all(is_reference(n["what"]) for n in e["entity"])),
    ("entity.type, role Coding", lambda e: all(is_coding(n[k]) for n in e["entity"] for k in ("type", "role") if k in n)),
    ("sev-1: not both a name and a query", lambda e: not any("name" in n and "query" in n for n in e["entity"])),
    (
        "entity.detail.type 1..1 string, value[x] 1..1",
        lambda e: all(d["type"] and d["valueString"] for n in e["entity"] for d in n.get("detail", [])),
    ),
    ("no empty text, object or list anywhere", lambda e: not empties(e)),
]


def empties(value: Any) -> bool:
    if isinstance(value, dict):
        return not value or any(empties(v) for v in value.values())
    if isinstance(value, list):
        return not value or any(empties(v) for v in value)
    return value in ("", None)


@pytest.mark.parametrize("clause", [name for name, _ in R4])
def test_every_entry_is_an_audit_event(clause: str) -> None:
    holds = dict(R4)[clause]
    assert [one for one in EVENTS if not holds(one)][:1] == []


SOURCE, DESTINATION = (DCM, "110153"), (DCM, "110152")
APPLICATION, CUSTODIAN = (DCM, "110150"), ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")
# Pattern -> interaction, action, who the client is, who the server is, as what a user takes part.
PATTERNS = {
    "Create": ("create", "C", SOURCE, DESTINATION, {"AUT", "INF", "CST"}),
    "Read": ("read", "R", DESTINATION, SOURCE, {"IRCP"}),
    "Update": ("update", "U", SOURCE, DESTINATION, {"AUT", "INF", "CST"}),
    "Delete": ("delete", "D", APPLICATION, CUSTODIAN, {"AUT", "INF", "CST"}),
}
Clause = Callable[[Event, str], bool]


def client(one: Event, pattern: str) -> list[Event]:
    return agents(one, *PATTERNS[pattern][2])


def server(one: Event, pattern: str) -> list[Event]:
    return agents(one, *PATTERNS[pattern][3])


INTERACTION = "http://hl7.org/fhir/restful-interaction"
SAID = {"detail", "name", "query"}
LEFT_OUT = {"role", "altId", "name", "location", "policy", "purposeOfUse"}
REST = {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}
BALP_CLAUSES: list[tuple[str, Clause]] = [
    ("type = audit-event-type#rest", lambda e, p: REST.items() <= e["type"].items()),
    (
        "subtype contains restful-interaction, exactly",
        lambda e, p: (
            e["subtype"] == [{"system": "http://hl7.org/fhir/restful-interaction", "code": PATTERNS[p][0], "display": PATTERNS[p][0]}]
        ),
    ),
    ("action", lambda e, p: e["action"] == PATTERNS[p][1]),
    ("outcome = 0", lambda e, p: e["outcome"] == "0"),
    ("agent 2..", lambda e, p: len(e["agent"]) >= 2),
    ("agent[client] 1..1", lambda e, p: len(client(e, p)) == 1),
    ("agent[client].who 1..1", lambda e, p: is_reference(client(e, p)[0]["who"])),
    ("agent[client].network 1..1", lambda e, p: bool(client(e, p)[0]["network"]["address"])),
    ("agent[server] 1..1", lambda e, p: len(server(e, p)) == 1),
    ("agent[server].who 1..1", lambda e, p: is_reference(server(e, p)[0]["who"])),
    ("agent[server].network 1..1", lambda e, p: bool(server(e, p)[0]["network"]["address"])),
    ("agent.media 0..0", lambda e, p: not any("media" in a for a in e["agent"])),
    (
        "agent[client], [server]: role altId name location policy purposeOfUse 0..0 (Delete)",
        lambda e, p: (
            not any({"role", "altId", "name", "location", "policy", "purposeOfUse"} & a.keys() for a in [*client(e, p), *server(e, p)])
        ),
    ),
    ("agent[user] 0..1", lambda e, p: len(users(e)) <= 1),
    ("agent[user].type", lambda e, p: all(a["type"]["coding"][0]["code"] in PATTERNS[p][4] for a in users(e))),
    ("agent[user].who 1..1, requestor = true", lambda e, p: all(a["requestor"] and is_reference(a["who"]) for a in users(e))),
    ("agent[user].network, altId 0..0", lambda e, p: not any({"network", "altId"} & a.keys() for a in users(e))),
    ("entity[transaction] 0..1", lambda e, p: len(transactions(e)) <= 1),
    ("entity[transaction].what.identifier.value 1..1", lambda e, p: all(n["what"]["identifier"]["value"] for n in transactions(e))),
    (
        "entity[transaction]: detail, name, query 0..0",
        lambda e, p: not any({"detail", "name", "query"} & n.keys() for n in transactions(e)),
    ),
    ("entity[data] 1..1", lambda e, p: len(entities(e, ENTITY, "2")) == 1),
    ("entity[data].what 1..1", lambda e, p: is_reference(entities(e, ENTITY, "2")[0]["what"])),
    ("entity[data].role from RestObjectRoles", lambda e, p: entities(e, ENTITY, "2")[0]["role"]["code"] in {"3", "4", "20"}),
    ("entity[data].detail, name, query 0..0 (Delete)", lambda e, p: not SAID & entities(e, ENTITY, "2")[0].keys()),
]
PATIENT_CLAUSES: list[tuple[str, Callable[[Event], bool]]] = [
    ("entity 2..", lambda e: len(e["entity"]) >= 2),
    ("entity[patient] 1..1", lambda e: len(entities(e, ENTITY, "1")) == 1),
    ("entity[patient].role = object-role#1", lambda e: entities(e, ENTITY, "1")[0]["role"]["code"] == "1"),
    ("entity[patient].what only Reference(Patient)", lambda e: entities(e, ENTITY, "1")[0]["what"]["type"] == "Patient"),
    ("entity[patient]: detail, name, query 0..0", lambda e: not SAID & entities(e, ENTITY, "1")[0].keys()),
]


def transactions(one: Event) -> list[Event]:
    return entities(one, "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("clause", [name for name, _ in BALP_CLAUSES])
def test_whoever_names_a_pattern_follows_it(pattern: str, clause: str) -> None:
    holds = dict(BALP_CLAUSES)[clause]
    named = [one for one in EVENTS if profile(one) in {pattern, f"Patient{pattern}"}]
    assert named, "some entry follows the pattern"
    assert [one for one in named if not holds(one, pattern)][:1] == []


@pytest.mark.parametrize("clause", [name for name, _ in PATIENT_CLAUSES])
def test_whoever_names_a_patient_s_pattern_follows_it(clause: str) -> None:
    holds = dict(PATIENT_CLAUSES)[clause]
    named = [one for one in EVENTS if profile(one).startswith("Patient")]
    assert named
    assert [one for one in named if not holds(one)][:1] == []


def test_only_what_came_off_names_a_pattern_and_a_patient_is_in_a_patient_s_pattern_only() -> None:
    for one in EVENTS:
        assert not profile(one) or one["outcome"] == "0"
        if profile(one) and not profile(one).startswith("Patient"):
            assert entities(one, ENTITY, "1") == []


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        ("connection.started", Shape.CREATE),
        ("member.invited", Shape.CREATE),
        ("link.made", Shape.CREATE),
        ("connection.saved", Shape.UPDATE),
        ("connection.approved", Shape.UPDATE),
        ("visit.admitted", Shape.UPDATE),
        ("visit.removed", Shape.UPDATE),
        ("connection.removed", Shape.DELETE),
        ("link.revoked", Shape.DELETE),
        ("token.withdrawn", Shape.DELETE),
        ("launch.joined", Shape.READ),
        ("link.used", Shape.READ),
        ("session.opened", Shape.LOGIN),
        ("session.closed", Shape.LOGOUT),
        ("session.signed-out", Shape.LOGOUT),
        ("sign-in.succeeded", Shape.LOGIN),
        ("sign-in.refused", Shape.LOGIN),
        ("access.refused", Shape.ALERT),
        ("audit.exported", Shape.EXPORT),
        ("something.nobody-knows-yet", Shape.UPDATE),
    ],
)
def test_an_action_is_the_kind_of_event_it_says(action: str, shape: Shape) -> None:
    assert shape_of(action) is shape


@pytest.mark.parametrize(
    ("action", "type_", "subtype"),
    [
        ("session.opened", "110114", ["110122"]),
        ("session.closed", "110114", ["110123"]),
        ("access.refused", "110113", []),
        ("access.crossed", "110113", []),
        ("audit.exported", "110106", []),
    ],
)
def test_what_balp_has_no_pattern_for_is_dicom_s_event(action: str, type_: str, subtype: list[str]) -> None:
    one = event(action, ACTORS["staff"])
    assert (one["type"]["system"], one["type"]["code"]) == (DCM, type_)
    assert [s["code"] for s in one.get("subtype", [])] == subtype
    assert profile(one) == ""


def test_a_patient_s_own_arrival_is_a_read_of_the_visit_by_them() -> None:
    one = event("launch.joined", ACTORS["patient"], role="patient", launch="l", kind="patient")
    assert profile(one) == "PatientRead"
    assert entities(one, ENTITY, "1")[0]["what"]["identifier"]["value"] == PATIENT
    assert entities(one, ENTITY, "2")[0]["what"]["type"] == "Encounter"
    assert users(one)[0]["who"]["identifier"]["value"] == PATIENT


def test_a_relative_is_not_taken_for_the_patient() -> None:
    assert profile(event("launch.joined", ACTORS["patient"], role="guest", kind="patient")) == "Read"


def test_where_it_came_from_what_was_said_and_the_chain_are_in_it() -> None:
    one = event("launch.failed", ACTORS["nobody"], Outcome.REFUSED, "connection", code="launch-wrong-person")
    told = {d["type"]: d["valueString"] for n in one["entity"] for d in n.get("detail", [])}
    assert one["agent"][0]["network"] == {"address": "10.0.0.9", "type": "2"}
    assert (one["outcome"], one["outcomeDesc"]) == ("4", "launch-wrong-person")
    assert (told["action"], told["seq"], told["hash"]) == ("launch.failed", "7", "00" * 32)
