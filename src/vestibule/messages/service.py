"""Messages to patients, planned with the events they follow from: in the same transaction, so that neither is without the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from vestibule.errors import BadInput, Conflict, TooMany
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.forgetting import Forgetting
from vestibule.messages.judging import is_phone
from vestibule.messages.model import Channel, Message, MessageState, Policy, Purpose
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outlook import Outlook, Seen
from vestibule.messages.pending import Pending
from vestibule.messages.planning import Change, Move, Send, Withdraw, plan
from vestibule.messages.setting import MessageSettings
from vestibule.messages.store.messages import MessageStore
from vestibule.messages.store.replies import ReplanStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import EventKind, Visit, VisitEvent
from vestibule.visits.service import Visits

_K = EventKind
# What may change what a patient is to be sent, and whether it is news to them.
_HEARD: Final[Mapping[EventKind, bool]] = {
    _K.RESCHEDULED: True,
    _K.PLACED: True,
    _K.CANCELLED: True,
    _K.CONTACT_NOTED: True,
    _K.ENDED: False,
    _K.OUTCOME_MARKED: False,
    _K.MERGED: False,
}
_PORTION: Final = 200  # visits that are planned anew in one transaction
_DIRECTS: Final = 5  # texts that people may send somebody by hand ...
_DIRECTS_IN: Final = timedelta(minutes=10)  # ... in so long
_DIRECT: Final = "messages.direct"


class Messages:
    """Plans. Methods take the caller's transaction; what is planned is sent by a worker when it is due."""

    def __init__(
        self,
        *,
        clock: Clock,
        box: SecretBox,
        visits: Visits,
        outlook: Outlook,
        optouts: OptOuts,
        settings: MessageSettings,
        pending: Pending,
        audit: Audit,
        portion: int = _PORTION,
    ) -> None:
        self._clock, self._box, self._visits, self._settings = clock, box, visits, settings
        self._outlook, self._optouts, self._pending, self._audit = outlook, optouts, pending, audit
        self._portion = portion
        self._store, self._replans = MessageStore(), ReplanStore()
        self.forgetting = Forgetting(clock=clock, visits=visits)

    # ------------------------------------------------------------------ what events mean

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits: runs in the transaction that writes the event."""
        if event.kind not in _HEARD:
            return
        if event.kind is _K.MERGED:
            same = {ParticipantId(UUID(goes)): ParticipantId(UUID(stays)) for goes, stays in event.body.get("same", {}).items()}
            await self._store.move(bound(tx), tx, VisitId(UUID(event.body["from"])), visit.id, same)
        waits = await self.plan(tx, [visit], news=_HEARD[event.kind])
        await self.forgetting.on_event(tx, visit, event, cancellation_waits=bool(waits))

    async def plan(self, tx: Tx, visits: Sequence[Visit], *, news: bool) -> set[VisitId]:
        """Plan anew for visits that are locked; those of which a cancellation is still to be told."""
        known: dict[ParticipantId, list[Message]] = {}
        for message in await self._store.of_visits(bound(tx), tx, [visit.id for visit in visits]):
            known.setdefault(message.participant, []).append(message)
        policies = await self.policies(tx, visits)
        if not known and not any(policy and policy.active for policy in policies.values()):
            return set()
        telling: set[VisitId] = set()
        for participant, seen in (await self._outlook.of(tx, visits, news=news)).items():
            policy = policies.get(seen.visit.connection) if seen.visit.connection else None
            mine = known.get(participant, [])
            changes = plan(seen.patient, policy, mine, self._clock.now())
            await self._apply(tx, seen, {message.id: message for message in mine}, changes)
            if _cancellation_waits(mine, changes):
                telling.add(seen.visit.id)
        return telling

    async def policies(self, tx: Tx, visits: Sequence[Visit]) -> dict[ConnectionId, Policy | None]:
        """What is sent for the connections of these visits."""
        wanted = {visit.connection for visit in visits if visit.connection is not None}
        return {connection: await self._settings.policy(tx, connection) for connection in sorted(wanted)}

    async def in_use(self, tx: Tx) -> bool:
        """It was said of some connection what its patients are sent."""
        return bool(await self._settings.policies(tx))

    async def _apply(self, tx: Tx, seen: Seen, known: Mapping[UUID, Message], changes: Sequence[Change]) -> None:
        gone: dict[Message, str] = {}
        for one in changes:
            if isinstance(one, Send):
                await self._send(tx, seen, known, one)
            elif isinstance(one, Move):
                await self._pending.postpone(tx, known[one.message], one.due_at)
            elif isinstance(one, Withdraw):
                gone[known[one.message]] = one.why
        if gone:
            await self._pending.withdraw(tx, gone)

    async def _send(self, tx: Tx, seen: Seen, known: Mapping[UUID, Message], one: Send) -> None:
        if one.again is not None:
            await self._pending.again(tx, known[one.again], one.due_at, tries=known[one.again].tries)
            return
        patient = seen.patient
        message = Message(
            id=new_id(),
            tenant=bound(tx),
            visit=patient.visit,
            participant=patient.participant,
            connection=patient.connection,
            purpose=one.purpose,
            channel=one.channel,
            key=one.key(patient.participant),
            state=MessageState.PLANNED,
            due_at=one.due_at,
            about=one.about,
            minutes=one.minutes,
            place=one.place,
            nth=one.nth,
            planned_at=self._clock.now(),
        )
        await self._pending.add(tx, message)

    # ------------------------------------------------------------------ settings that change

    async def replan(self, tx: Tx, connection: ConnectionId) -> None:
        """A setting of a connection was changed: what is pending is planned anew, in portions, by a worker."""
        await self._replans.want(bound(tx), tx, connection, self._clock.now())

    async def due_to_replan(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` with something to plan anew."""
        return await self._replans.whose(db, after, most)

    async def replan_due(self, db: Database, tenant: TenantId) -> int:
        """Plan anew what an organisation's changed settings ask for; how many visits. A worker that is killed meanwhile is gone on with."""
        done = 0
        while True:
            async with db.tenant(tenant) as tx:
                portion = await self._replan_portion(tx)
            if portion is None:
                return done
            done += portion

    async def _replan_portion(self, tx: Tx) -> int | None:
        """The next portion; None when there is nothing to do, or another worker is at it."""
        task = await self._replans.next(bound(tx), tx)
        if task is None:
            return None
        connection, behind = task
        found = await self._replans.visits(bound(tx), tx, connection, behind, self._clock.now(), self._portion)
        visits = await self._visits.telling.visits(tx, [visit for _, visit in found], lock=True)
        await self.plan(tx, list(visits.values()), news=False)
        await self._replans.done(bound(tx), tx, connection, found[-1] if len(found) == self._portion else None)
        return len(found)

    async def plan_for(self, tx: Tx, phone: str) -> None:
        """Plan anew for everybody who is reached under a number: they said STOP, or START."""
        reaches = await self._visits.contacts.with_phone(tx, phone)
        visits = await self._visits.telling.visits(tx, {one.visit for one in reaches}, lock=True)
        await self.plan(tx, list(visits.values()), news=False)

    # ------------------------------------------------------------------ by hand

    async def send_direct(
        self, tx: Tx, visit: VisitId, participant: ParticipantId, *, phone: str = "", language: str = "", by: Actor
    ) -> Message:
        """Text the link to somebody's place now; to a number somebody typed, or to the one that came with the appointment.

        Quiet hours do not hold it up: a person decided. STOP does.

        Raises:
            NotFound: `participant-not-found` for nobody's place.
            BadInput: `message-phone-wrong` when the number is none.
            Conflict: `visit-over`; `messages-not-set-up` where nothing may be sent for the connection; `message-no-number` when none is
                known; `message-opted-out` when this number wants no texts.
            TooMany: `message-direct-too-many`.
        """
        found = await self._visits.get(tx, visit, lock=True)
        seen = (await self._outlook.of(tx, [found])).get(participant)
        if found.over or seen is None or seen.patient.silent:
            raise Conflict("visit-over", "This visit is over, or this person has no place in it.", phase=_DIRECT)
        await self._may_send(tx, found.connection)
        if phone and not is_phone(phone):
            raise BadInput("message-phone-wrong", "This is no complete telephone number.", phase=_DIRECT)
        number = phone or seen.contact.phone
        if not number:
            raise Conflict("message-no-number", "No number is known. Type one.", phase=_DIRECT)
        if await self._optouts.among(tx, [number]):
            raise Conflict("message-opted-out", "This number has asked not to be texted.", phase=_DIRECT)
        now = self._clock.now()
        if await self._store.directs_since(bound(tx), tx, participant, now - _DIRECTS_IN) >= _DIRECTS:
            raise TooMany("message-direct-too-many", "This has been sent several times just now. Wait a little.", phase=_DIRECT)
        return await self._plan_direct(tx, seen, "" if number == seen.contact.phone else number, language, by)

    async def _plan_direct(self, tx: Tx, seen: Seen, typed: str, language: str, by: Actor) -> Message:
        message_id, patient, now = new_id(), seen.patient, self._clock.now()
        message = Message(
            id=message_id,
            tenant=bound(tx),
            visit=patient.visit,
            participant=patient.participant,
            connection=patient.connection,
            purpose=Purpose.DIRECT,
            channel=Channel.SMS,
            key=f"direct:{message_id}",
            state=MessageState.PLANNED,
            due_at=now,
            about=patient.starts_at,
            place=patient.place,
            planned_at=now,
            language=language,
        )
        sealed = self._box.seal(typed, about=typed_about(message)) if typed else None
        await self._pending.add(tx, message, to_sealed=sealed)
        detail = {"visit": str(patient.visit), "number": "typed" if typed else "appointment"}
        self._audit.note(tx, "message.sent-directly", by=by, about=("message", message.id), detail=detail)
        return message

    async def _may_send(self, tx: Tx, connection: ConnectionId | None) -> None:
        policy = None if connection is None else await self._settings.policy(tx, connection)
        if connection is None or policy is None or not policy.consented or not await self._settings.route(tx, connection, Channel.SMS):
            raise Conflict("messages-not-set-up", "Texting is not set up for this record. An administrator can do that.", phase=_DIRECT)

    # ------------------------------------------------------------------ what pages show

    async def of_visit(self, tx: Tx, visit: VisitId) -> list[Message]:
        """What was planned and sent about a visit, the oldest first."""
        return await self._store.of_visits(bound(tx), tx, [visit])

    async def opted_out(self, tx: Tx, visit: VisitId) -> set[ParticipantId]:
        """Those of a visit's patients whose number wants no texts."""
        found = await self._visits.get(tx, visit)
        return {participant for participant, seen in (await self._outlook.of(tx, [found])).items() if seen.patient.opted_out}


def typed_about(message: Message) -> str:
    """What a typed number is sealed about."""
    return f"message.to:{message.tenant}:{message.id}"


def _cancellation_waits(known: Sequence[Message], changes: Sequence[Change]) -> bool:
    """Whether the patient is still to be told that it was cancelled."""
    gone = {one.message for one in changes if isinstance(one, Withdraw)}
    if any(isinstance(one, Send) and one.purpose is Purpose.CANCELLED for one in changes):
        return True
    waiting = {MessageState.PLANNED, MessageState.SENDING, MessageState.ACCEPTED, MessageState.UNKNOWN}
    return any(one.purpose is Purpose.CANCELLED and one.state in waiting and one.id not in gone for one in known)
