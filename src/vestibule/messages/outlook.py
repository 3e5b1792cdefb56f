"""What planning and sending must know of patients, gathered for many visits at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from vestibule.kit.ids import DepartmentId, ParticipantId
from vestibule.messages.optouts import OptOuts
from vestibule.messages.planning import Patient
from vestibule.platform.db import Tx
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import SYNTHETIC, Outcome, Participant, PersonRole, PersonState, Visit, VisitState
from vestibule.visits.service import Contact, Visits

_ELSEWHERE = frozenset({PersonState.EXPECTED, PersonState.LEFT})


@dataclass(frozen=True, slots=True)
class Seen:
    """A patient, and how to reach them.

    Attributes:
        contact: empty where nothing is known (any more).
    """

    patient: Patient
    visit: Visit = field(repr=False)
    contact: Contact = field(repr=False)


class Outlook:
    """Reads what is known. One statement a question, however many visits."""

    def __init__(self, *, visits: Visits, tenancy: Tenancy, optouts: OptOuts) -> None:
        self._visits = visits
        self._tenancy = tenancy
        self._optouts = optouts

    async def of(self, tx: Tx, visits: Collection[Visit], *, news: bool = False) -> dict[ParticipantId, Seen]:
        """The patients of these visits."""
        ids = [visit.id for visit in visits]
        reaches = {one.participant: one.contact for one in await self._visits.contacts.of_visits(tx, ids)}
        stopped = await self._optouts.among(tx, {contact.phone for contact in reaches.values() if contact.phone})
        silent = await self._visits.telling.bearing(tx, ids, SYNTHETIC)
        zones = await self._zones(tx, visits)
        found: dict[ParticipantId, Seen] = {}
        for visit in visits:
            for person in visit.people:
                if person.role is PersonRole.PATIENT:
                    contact = reaches.get(person.id, Contact())
                    kept_from = (contact.phone in stopped, visit.id in silent)
                    patient = _patient(visit, person, contact, zones, kept_from, news=news)
                    found[person.id] = Seen(patient, visit, contact)
        return found

    async def _zones(self, tx: Tx, visits: Collection[Visit]) -> Mapping[DepartmentId, str]:
        if not any(visit.department for visit in visits):
            return {}
        return {one.id: one.zone for one in await self._tenancy.departments(tx)}


def _patient(
    visit: Visit,
    person: Participant,
    contact: Contact,
    zones: Mapping[DepartmentId, str],
    kept_from: tuple[bool, bool],
    *,
    news: bool,
) -> Patient:
    return Patient(
        visit=visit.id,
        participant=person.id,
        connection=visit.connection,
        starts_at=visit.starts_at,
        place=visit.place,
        zone=zones.get(visit.department, "") if visit.department else "",
        cancelled=visit.state is VisitState.CANCELLED,
        over=visit.state is VisitState.ENDED or (visit.outcome_by_person and visit.outcome is Outcome.NO_SHOW),
        phone=bool(contact.phone),
        email=bool(contact.email),
        came=person.state not in _ELSEWHERE and visit.state is VisitState.OPEN,
        opted_out=kept_from[0],
        silent=kept_from[1],
        news=news,
    )
