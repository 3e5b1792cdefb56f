"""What a message does to visits, in the transaction that also finishes the message.

Every message about an appointment is weighed against what is known of it (`ordering`), with the appointment's names held, so that two
messages about one appointment never pass each other, however many workers there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vestibule.feed.model import InboxState
from vestibule.feed.ordering import OVER, Move, weigh
from vestibule.feed.reading import Reading, merged, needs_start, says_all
from vestibule.feed.store import FeedAppointmentStore, Kept
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Tx
from vestibule.protocols.hl7v2.notice import Status
from vestibule.tenancy.service import bound
from vestibule.visits.model import Outcome, PersonState, Visit
from vestibule.visits.service import Appointment, Visits

# Why a message changed nothing; each has its row in docs/reference/errors.md, and words on the page.
NOT_VIRTUAL: Final = "appointment-not-virtual"
PENDING: Final = "appointment-pending"
PAST: Final = "appointment-past"
CANCELLED: Final = "appointment-cancelled"
UNDER_WAY: Final = "visit-under-way"
ENDED: Final = "visit-ended"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a message.

    Attributes:
        code: why nothing was changed, or only part of it.
        erase: the message itself is needed no longer.
    """

    state: InboxState
    code: str = ""
    visit: VisitId | None = None
    erase: bool = False


class Applying:
    """Brings appointments into visits. Methods take the caller's transaction, bound to the organisation."""

    def __init__(self, visits: Visits, clock: Clock, box: SecretBox) -> None:
        self._visits = visits
        self._clock = clock
        self._box = box
        self._store = FeedAppointmentStore()

    async def apply(self, tx: Tx, connection: ConnectionId, reading: Reading) -> Applied:
        """Weigh what the message says, and do what follows from it.

        Raises:
            BadInput: `hl7-no-start`.
        """
        keys, cancels = self._keys(reading), reading.word.status in OVER
        if not cancels:
            needs_start(reading)
        if not _unwanted(reading) or (cancels and reading.silent):
            kept = await self._store.lock(bound(tx), tx, connection, keys, self._clock.now())
        else:
            kept = await self._store.find(bound(tx), tx, connection, keys)
            if kept is None:
                return Applied(InboxState.IGNORED, _unwanted(reading) or CANCELLED, erase=True)
        move = weigh(kept.word if kept else None, reading.word)
        if move is Move.CANCEL:
            return await self._cancel(tx, connection, reading, keys, kept)
        if move is Move.TELL:
            return await self._tell(tx, connection, reading, keys, kept)
        late = move is Move.LATE
        return Applied(InboxState.LATE if late else InboxState.IGNORED, "" if late else CANCELLED, kept.visit if kept else None)

    def _keys(self, reading: Reading) -> list[bytes]:
        """The appointment's names as they are kept: nobody reads them, and nobody without the key can guess them."""
        names = {f"feed.appointment|{one.connection}|{one.system}|{one.value}" for one in reading.identifiers}
        return sorted({key for name in names for key in self._box.keyed_hashes(name)})

    # ------------------------------------------------------------------ the newest word

    async def _tell(self, tx: Tx, connection: ConnectionId, reading: Reading, keys: list[bytes], kept: Kept | None) -> Applied:
        now = self._clock.now()
        over_at = reading.over_at or now
        if _unwanted(reading):
            return await self._withdraw(tx, connection, reading, keys, kept)
        if (kept is None or kept.visit is None) and over_at < now:
            await self._store.drop(bound(tx), tx, connection, keys)
            return Applied(InboxState.IGNORED, PAST, erase=True)
        visit, word = await self._book(tx, connection, reading, kept), reading.word
        await self._store.put(bound(tx), tx, connection, keys, replace(visit, word=word), ends_at=over_at, at=now)
        return await self._outcome(tx, reading, visit, kept)

    async def _book(self, tx: Tx, connection: ConnectionId, reading: Reading, kept: Kept | None) -> Kept:
        """The visit as the appointment says."""
        assert reading.starts_at is not None  # noqa: S101  looked at before
        one = Appointment(
            connection=connection,
            key=reading.key,
            identifiers=reading.identifiers,
            department=reading.department.id if reading.department else None,
            starts_at=reading.starts_at,
            ends_at=reading.ends_at,
            place=reading.ruling.place,
            name=reading.name,
        )
        visit, patient = await self._visits.appointments.appoint(tx, one)
        if visit.over:
            return Kept(reading.word, visit.id, kept.participant if kept else None)
        known = None
        if kept is not None and not says_all(reading):
            reach = await self._visits.contacts.of(tx, patient.id)
            known = reach.contact if reach else None
        await self._visits.contacts.note(tx, visit, patient.id, merged(known, reading))
        return Kept(reading.word, visit.id, patient.id)

    async def _outcome(self, tx: Tx, reading: Reading, now: Kept, kept: Kept | None) -> Applied:
        """A no-show marks the outcome; a newer word than a no-show takes that mark away again."""
        no_show, was = reading.word.status is Status.NO_SHOW, kept is not None and kept.word.status is Status.NO_SHOW
        assert now.visit is not None  # noqa: S101  it was just booked
        visit = await self._visits.get(tx, now.visit, lock=True) if no_show or was or now.participant is None else None
        if visit is not None and no_show:
            return await self._mark(tx, visit)
        if visit is not None and was and not visit.over and visit.outcome is Outcome.NO_SHOW:
            await self._visits.unmark_outcome(tx, visit.id)
        if visit is not None and visit.over:
            return Applied(InboxState.IGNORED, ENDED, visit.id, erase=True)
        return Applied(InboxState.APPLIED, visit=now.visit)

    async def _mark(self, tx: Tx, visit: Visit) -> Applied:
        """They did not come, says the record. It does not say that of people who are here, and no person's mark is overwritten."""
        if visit.met_at is not None or _inside(visit):
            return Applied(InboxState.IGNORED, UNDER_WAY, visit.id, erase=visit.over)
        if not visit.outcome_by_person and visit.outcome is not Outcome.NO_SHOW and visit.state != "cancelled":
            await self._visits.mark_outcome(tx, visit.id, Outcome.NO_SHOW)
        return Applied(InboxState.APPLIED, visit=visit.id, erase=visit.over)

    async def _withdraw(self, tx: Tx, connection: ConnectionId, reading: Reading, keys: list[bytes], kept: Kept | None) -> Applied:
        """It is no virtual visit, or not booked, any more: its patient hears nothing further. The visit stays; it may become one again."""
        if kept is None or kept.visit is None:
            return Applied(InboxState.IGNORED, _unwanted(reading), erase=True)
        await self._visits.contacts.erase(tx, kept.visit, why="not-virtual")
        now = self._clock.now()
        await self._store.put(bound(tx), tx, connection, keys, replace(kept, word=reading.word), ends_at=reading.over_at or now, at=now)
        return Applied(InboxState.APPLIED, _unwanted(reading), kept.visit, erase=True)

    # ------------------------------------------------------------------ the last word

    async def _cancel(self, tx: Tx, connection: ConnectionId, reading: Reading, keys: list[bytes], kept: Kept | None) -> Applied:
        """Cancelled for good, whether or not there is a visit; one that is past, over or under way stays as it is."""
        now = self._clock.now()
        known = kept.visit if kept else None
        found = known or await self._visits.find(tx, reading.identifiers)
        after = Kept(reading.word, found, kept.participant if kept else None)
        await self._store.put(bound(tx), tx, connection, keys, after, ends_at=max(reading.over_at or now, now), at=now)
        if found is None:
            return Applied(InboxState.APPLIED, erase=True)
        visit = await self._visits.get(tx, found, lock=True)
        if code := _untouchable(visit, now.timestamp()):
            return Applied(InboxState.IGNORED, code, visit.id, erase=visit.over)
        reason = Status.ENTERED_IN_ERROR.value if reading.word.status is Status.ENTERED_IN_ERROR else ""
        await self._visits.cancel(tx, visit.id, reason=reason)
        return Applied(InboxState.APPLIED, visit=visit.id, erase=True)


def _untouchable(visit: Visit, now: float) -> str:
    """Why a cancel leaves a visit alone; empty when it does not."""
    if visit.over:
        return ENDED
    if _inside(visit):
        return UNDER_WAY
    ends_at = visit.ends_at or visit.starts_at
    return PAST if ends_at is not None and ends_at.timestamp() < now else ""


def _inside(visit: Visit) -> bool:
    """Somebody is in the room: nobody is thrown out by a message."""
    return any(person.state is PersonState.CONNECTED for person in visit.people)


def _unwanted(reading: Reading) -> str:
    """Why nothing is kept of an appointment: the rules do not count it, or it waits for a place and must not be taken for booked."""
    if reading.word.status is Status.PENDING:
        return PENDING
    return "" if reading.ruling.virtual else NOT_VIRTUAL
