"""Our half of a rehearsal: a synthetic visit, walked by the very steps that launches, lobby, console and room take."""

from __future__ import annotations

from typing import Final

from vestibule.identity.model import Principal, Role
from vestibule.identity.service import Identity
from vestibule.kit.ids import SessionId, VisitId, new_id
from vestibule.platform.db import Database
from vestibule.platform.web.i18n import gettext as _
from vestibule.rehearsal.model import Found, State
from vestibule.rehearsal.ports import Room
from vestibule.tenancy.model import Connection, Environment
from vestibule.visits.model import SYNTHETIC, EventKind, Identifier, Outcome, PersonRole, PersonState
from vestibule.visits.service import Visits
from vestibule.writeback.model import Status
from vestibule.writeback.ports import Record

_CHECKS: Final = {"camera": "works", "microphone": "works", "speaker": "works"}
_WHY: Final = "rehearsal"


class OurSide:
    """The steps of the visit. Each opens transactions of its own, as the pages do."""

    def __init__(self, one: Connection, db: Database, identity: Identity, visits: Visits, room: Room) -> None:
        self._one = one
        self._db = db
        self._identity = identity
        self._visits = visits
        self._room = room
        self._name = Identifier(one.id, SYNTHETIC, str(new_id()))
        self._visit: VisitId | None = None
        self._people: dict[PersonRole, Principal] = {}
        self._sessions: list[SessionId] = []

    async def clinician(self) -> Found:
        """As the end of a clinician's launch does it."""
        await self._come(PersonRole.PROVIDER, Role.CLINICIAN, _("Test clinician"))
        return Found(State.GOOD, _("A visit of its own was made; it is marked as synthetic and stands in no report."))

    async def patient(self) -> Found:
        """As the end of a patient's launch does it: by the same name the two meet."""
        met = self._visit
        await self._come(PersonRole.PATIENT, Role.PATIENT, _("Test patient"))
        if met != self._visit:
            return Found(State.FAILED, _("The two came into different visits."), _("Report it: identifiers do not bring people together."))
        return Found(State.GOOD, _("Both are in one visit."))

    async def _come(self, role: PersonRole, session: Role, name: str) -> None:
        async with self._db.tenant(self._one.tenant) as tx:
            visit, me = await self._visits.open_or_join(
                tx, connection=None, identifiers=[self._name], role=role, person=f"{_WHY}-{role.value}", person_type=_WHY, name=name
            )
            opened = await self._identity.open_session(
                tx, role=session, visit=visit.id, participant=me.id, connection=self._one.id, department=visit.department
            )
        self._visit = visit.id
        self._people[role] = opened.principal
        self._sessions.append(opened.principal.session)

    async def waiting(self) -> Found:
        """Device check and waiting room; the room must stay shut."""
        patient = self._people[PersonRole.PATIENT]
        visit, me = patient.visit, patient.participant
        assert visit is not None and me is not None  # noqa: PT018, S101  `_come` has just given both
        async with self._db.tenant(self._one.tenant) as tx:
            await self._visits.join(tx, visit, me)
            await self._visits.tested(tx, visit, me, _CHECKS)
            found = await self._visits.arrive(tx, visit, me)
        who = found.person(me)
        if who is None or who.state is not PersonState.WAITING:
            return Found(State.FAILED, _("The patient does not stand in the waiting room."), _("Report it."))
        if not await self._room.is_shut_to(patient):
            return Found(State.FAILED, _("The room gave a pass to somebody who had not been let in."), _("Report it at once."))
        return Found(State.GOOD, _("They wait; the room gave them nothing."))

    async def admitted(self) -> Found:
        """The clinician comes in and lets the patient in."""
        clinician, patient = self._people[PersonRole.PROVIDER], self._people[PersonRole.PATIENT]
        visit, them, me = clinician.visit, patient.participant, clinician.participant
        assert visit is not None and them is not None and me is not None  # noqa: PT018, S101  as above
        async with self._db.tenant(self._one.tenant) as tx:
            await self._visits.arrive(tx, visit, me)
            found = await self._visits.admit(tx, visit, them, by=me)
        if not all(person.inside for person in found.people):
            return Found(State.FAILED, _("Not both are let in."), _("Report it."))
        return Found(State.GOOD, _("Both are let in."))

    async def in_room(self) -> Found:
        """Signals both ways; the pictures themselves go from browser to browser and are not part of this."""
        await self._room.meet(self._people[PersonRole.PROVIDER], self._people[PersonRole.PATIENT])
        return Found(State.GOOD, _("Each took a seat and heard the other. Camera and picture need a real browser: try a join link."))

    async def events(self) -> Found:
        """Connects and disconnects of both, and that they met."""
        assert self._visit is not None  # noqa: S101  as above
        async with self._db.tenant(self._one.tenant) as tx:
            kinds = [event.kind for event in await self._visits.events(tx, self._visit)]
            visit = await self._visits.get(tx, self._visit)
        wanted = {EventKind.CONNECTED: 2, EventKind.DISCONNECTED: 2}
        if any(kinds.count(kind) != times for kind, times in wanted.items()) or visit.met_at is None:
            return Found(State.FAILED, _("The list of what happened lacks connects or disconnects."), _("Report it."))
        return Found(State.GOOD, _("Two connects, two disconnects, and that they met."))

    async def told(self, record: Record | None, *, send: bool) -> Found:
        """What a real visit's connect would say to this record; said only to a test record, and only when that was asked for."""
        if record is None:
            return Found(State.NOTED, _("This vendor's record is not told of connects and disconnects by this version."))
        if not record.listens(self._one):
            remedy = _("Enter the back end's client id, or switch the status API on in the connection's profile.")
            return Found(State.NOTED, _("This connection's record is told nothing."), remedy)
        status = Status((Identifier(self._one.id, "conference", "SYNTHETIC"),), "SYNTHETIC", "user", PersonRole.PROVIDER, connected=True)
        words = record.would_say(self._one, status)
        if self._one.environment is Environment.PRODUCTION or not send:
            return Found(State.GOOD, _("Not sent. It would be: %(request)s") % {"request": words})
        await record.tell(self._one, status)
        return Found(State.GOOD, _("Sent, and the test record accepted it: %(request)s") % {"request": words})

    async def end(self) -> Found:
        """For everybody; nothing when it never began."""
        if self._visit is None:
            return Found(State.SKIPPED, _("There was no visit."))
        async with self._db.tenant(self._one.tenant) as tx:
            visit = await self._visits.end_for_all(tx, self._visit, why=_WHY)
        if visit.outcome is not Outcome.COMPLETED:
            return Found(State.NOTED, _("It ended, but not as completed, because the two did not meet."))
        return Found(State.GOOD, _("It ended as completed."))

    async def erased(self) -> Found:
        """Names, ids and sessions."""
        async with self._db.tenant(self._one.tenant) as tx:
            for session in self._sessions:
                await self._identity.close_session(tx, session)
            if self._visit is None:
                return Found(State.SKIPPED, _("There was no visit."))
            await self._visits.erase_person_ids(tx, self._visit)
            visit = await self._visits.get(tx, self._visit)
        if any(person.name or person.person for person in visit.people):
            return Found(State.FAILED, _("A name or an id is still there."), _("Report it at once."))
        return Found(State.GOOD, _("Names, ids and sessions are gone."))
