"""What the record says of appointments before anybody comes: a visit with its time and place, and the patient it is kept for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, VisitId
from vestibule.platform.db import Tx
from vestibule.visits.book import Book, tenant_of
from vestibule.visits.door import Door
from vestibule.visits.lobby import clean_name
from vestibule.visits.model import EventKind, Identifier, Participant, PersonRole, Place, Visit


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment as the record tells it.

    Attributes:
        key: the one name under which this record speaks of this patient's appointment; tells patients of a group visit apart.
        identifiers: every name the visit has in this record; at least one.
        name: of the patient, for staff; sealed; empty where it should not be kept.
    """

    connection: ConnectionId
    key: str
    identifiers: Sequence[Identifier]
    department: DepartmentId | None
    starts_at: datetime
    ends_at: datetime | None
    place: Place = Place.HOME
    name: str = field(default="", repr=False)


class Appointments:
    """Brings visits about that nobody has opened yet. All methods take the caller's transaction."""

    def __init__(self, book: Book, door: Door) -> None:
        self._book = book
        self._door = door

    async def appoint(self, tx: Tx, one: Appointment) -> tuple[Visit, Participant]:
        """The visit of an appointment, made or moved as the record says, locked; and its patient's place.

        A visit that is over stays as it is: the participant returned then stands nowhere.
        """
        visit = await self._door.meet(tx, one.connection, one.identifiers, one.department, one.starts_at, one.ends_at)
        if not visit.over:
            visit = await self._put(tx, visit, one)
        return await self._door.seat(
            tx,
            visit,
            role=PersonRole.PATIENT,
            person="",
            person_type="",
            name=clean_name(one.name),
            participant_key=f"appointment:{one.connection}:{one.key}",
            appointed=True,
        )

    async def _put(self, tx: Tx, visit: Visit, one: Appointment) -> Visit:
        """Where it takes place, when that is not what we knew."""
        department = one.department or visit.department
        if (department, one.place) == (visit.department, visit.place):
            return visit
        await self._book.store.change(tenant_of(tx), tx, visit.id, department_id=department)
        body = {"place": one.place.value, **({} if department is None else {"department": str(department)})}
        return await self._book.add(tx, replace(visit, department=department), EventKind.PLACED, None, body)

    async def told_patient(self, tx: Tx, visit: VisitId, participant: ParticipantId, body: Mapping[str, Any]) -> Visit:
        """A message to a patient was taken by a carrier; `body`: `message` (its id), `purpose`, `channel`."""
        return await self._book.add(tx, await self._book.read(tx, visit, lock=True), EventKind.PATIENT_TOLD, participant, body)

    async def patient_untold(self, tx: Tx, visit: VisitId, participant: ParticipantId, body: Mapping[str, Any]) -> Visit:
        """A message did not reach a patient; `body` as above, and `code`."""
        return await self._book.add(tx, await self._book.read(tx, visit, lock=True), EventKind.PATIENT_UNTOLD, participant, body)
