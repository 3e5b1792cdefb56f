"""Visit events on their way to live pages: the note a transaction leaves for every node, and who may hear what of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from vestibule.kit.ids import DepartmentId, TenantId, VisitId
from vestibule.visits.model import PERSON_STEPS, EventKind, Visit, VisitEvent

CHANNEL = "vestibule_event"
# PostgreSQL refuses a payload of 8,000 bytes; a longer body is left out and read from the list by whoever needs it.
_BODY_LIMIT = 4_000
# What the people of a visit hear although it is not about one of them.
_FOR_ALL = frozenset(
    {
        EventKind.ENDED,
        EventKind.CANCELLED,
        EventKind.RESCHEDULED,
        EventKind.MERGED_AWAY,
        EventKind.MESSAGED,
        EventKind.MEETING_MADE,  # so that who was let in before it was ready is taken there
    }
)
# Whoever is held sees that they wait, not that they are kept out.
_FOR_ONE = (frozenset(PERSON_STEPS) | {EventKind.MESSAGED}) - {EventKind.HELD}

_enc = msgspec.json.Encoder()


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event as it travels between nodes and to pages: ids and codes only, never a name.

    Attributes:
        state: the visit's.
        who: the participant it is about; role and now: theirs, and their state after it.
    """

    tenant: UUID
    visit: UUID
    seq: int
    kind: str
    at: str
    state: str
    department: UUID | None = None
    who: UUID | None = None
    role: str | None = None
    now: str | None = None
    body: Mapping[str, Any] = {}


_dec = msgspec.json.Decoder(Note)


def note(visit: Visit, event: VisitEvent) -> str:
    """The NOTIFY payload of an event."""
    return _enc.encode(to_note(visit, event)).decode()


def to_note(visit: Visit, event: VisitEvent) -> Note:
    """An event as a note, the visit being as it was right after it."""
    person = visit.person(event.participant) if event.participant else None
    small = not event.body or len(_enc.encode(event.body)) <= _BODY_LIMIT
    return Note(
        event.tenant,
        event.visit,
        event.seq,
        event.kind,
        event.at.isoformat(),
        visit.state,
        visit.department,
        event.participant,
        person.role if person else None,
        person.state if person else None,
        event.body if small else {},
    )


def read_note(payload: str) -> Note:
    """A NOTIFY payload; raises msgspec.DecodeError for what is not one of ours."""
    return _dec.decode(payload)


def for_staff(seq: int, kind: str, at: str, who: UUID | None, body: Mapping[str, Any]) -> bytes:
    """An event as a clinician's page hears it."""
    return _enc.encode({"seq": seq, "kind": kind, "at": at, "who": who, "body": body})


def for_people(seq: int, kind: str, at: str, who: UUID | None, body: Mapping[str, Any]) -> bytes | None:
    """An event as the page of somebody in the visit hears it; None when it is not for them.

    What is about one person only that person may hear (the caller sees to it), and nobody hears who did it, who else is there,
    or what became of the visit.
    """
    if kind not in (_FOR_ALL if who is None else _FOR_ONE):
        return None
    said = {"message": body["message"]} if kind == EventKind.MESSAGED else {}
    return _enc.encode({"seq": seq, "kind": kind, "at": at, "body": said})


def visit_topic(visit: VisitId | UUID) -> str:
    """Everything of a visit, for its clinicians."""
    return f"visit:{visit}"


def lobby_topic(visit: VisitId | UUID) -> str:
    """What the people of a visit may hear; each watches as a group of one, named by their participant id."""
    return f"lobby:{visit}"


def board_topic(tenant: TenantId | UUID, department: DepartmentId | UUID | None) -> str:
    """That something changed on a department's board."""
    return f"board:{tenant}:{department or 'none'}"
