"""What a patient must be sent about an appointment, and when: a pure function of what is known, to be asked as often as one likes.

Confirmations follow news (booked, moved, cancelled) and only when the patient was told something else before. Reminders follow from the
appointment's time alone. Nobody is told anything twice: what was told is read from the messages that were given to a carrier, in the order
in which they were, and what is planned is recognised by what it is about, not by when somebody thought of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vestibule.kit.ids import ConnectionId, ParticipantId, VisitId
from vestibule.kit.localtime import last_loud, next_loud, quiet
from vestibule.messages.model import Channel, Message, MessageState, Policy, Purpose
from vestibule.visits.model import Place

# A message so close to the start comes too late for anything.
NEAR: Final = timedelta(minutes=5)
# A reminder that must come before the quiet hours goes so long before them: it may have to queue.
BEFORE_QUIET: Final = timedelta(minutes=30)
CONFIRMATIONS: Final = frozenset({Purpose.SCHEDULED, Purpose.UPDATED, Purpose.CANCELLED})

# Why a message is not sent. Codes, documented in docs/explain/messages.md.
OVERTAKEN: Final = "message-overtaken"
PAST: Final = "message-past"
OVER: Final = "message-visit-over"
CAME: Final = "message-patient-came"
NOT_WANTED: Final = "message-not-in-policy"
UNREACHABLE: Final = "message-no-contact"
OPTED_OUT: Final = "message-opted-out"
QUIET: Final = "message-quiet-hours"
TOO_NEAR: Final = "message-near-another"


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody's appointment, as far as messages care.

    Attributes:
        starts_at: None for a visit without an appointment: nothing is sent about it but what a person sends.
        zone: IANA zone of the place, by whose wall clock it is quiet.
        cancelled, over: it does not take place; it has, or will not be waited for.
        phone, email: whether there is one.
        opted_out: the number said STOP.
        came: they are in the waiting room or beyond, and need no reminder.
        news: something has just been said about the appointment; False when only our own settings have changed, or time has passed.
        silent: a rehearsal; nothing is ever sent.
    """

    visit: VisitId
    participant: ParticipantId
    connection: ConnectionId | None
    starts_at: datetime | None
    place: Place = Place.HOME
    zone: str = ""
    cancelled: bool = False
    over: bool = False
    phone: bool = False
    email: bool = False
    opted_out: bool = False
    came: bool = False
    news: bool = True
    silent: bool = False

    def lacks(self, channel: Channel) -> str:
        """Why they cannot be written to in this way; empty when they can."""
        if channel is Channel.EMAIL:
            return "" if self.email else UNREACHABLE
        if self.opted_out:
            return OPTED_OUT
        return "" if self.phone else UNREACHABLE


@dataclass(frozen=True, slots=True)
class Send:
    """Plan this one.

    Attributes:
        again: a message of just this kind that was withdrawn, to be planned once more; None for a new one.
    """

    purpose: Purpose
    channel: Channel
    about: datetime
    due_at: datetime
    place: Place
    minutes: int = 0
    nth: int = 0
    again: UUID | None = None

    def key(self, participant: ParticipantId) -> str:
        """One message a key."""
        what = f"{self.minutes}" if self.purpose is Purpose.REMINDER else f"{self.place}:{self.nth}"
        return f"{participant}:{self.channel}:{self.purpose}:{self.about.isoformat()}:{what}"


@dataclass(frozen=True, slots=True)
class Move:
    """Mean a planned one for another time."""

    message: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Do not send a planned one."""

    message: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Leave:
    """One could have been planned and is not, and why."""

    purpose: Purpose
    channel: Channel
    why: str
    minutes: int = 0


Change = Send | Move | Withdraw | Leave


@dataclass(frozen=True, slots=True)
class _Wish:
    """What should be sent; `why` says why it is not, where it is not."""

    purpose: Purpose
    channel: Channel
    due_at: datetime
    minutes: int = 0
    nth: int = 0
    why: str = ""


def plan(patient: Patient, policy: Policy | None, messages: Sequence[Message], now: datetime) -> list[Change]:
    """What has to change so that just the right messages are planned.

    Args:
        patient: whom it is about.
        policy: what is sent for the connection; None for nothing.
        messages: every message about this patient's place in this visit, in whatever state.
        now: the time of day.
    """
    pending = {m.id: m for m in messages if m.state is MessageState.PLANNED}
    changes: list[Change] = []
    reason = _nothing(patient, policy, now)
    if not reason and policy is not None:
        for channel in dict.fromkeys(policy.channels):
            changes += _in(channel, patient, policy, [m for m in messages if m.channel is channel], now, pending)
    for left in pending.values():
        why = _unwanted(left, patient, policy, reason)
        if why:
            changes.append(Withdraw(left.id, why))
    return changes


def _nothing(patient: Patient, policy: Policy | None, now: datetime) -> str:
    """Why nothing at all is sent; empty otherwise."""
    if patient.over or patient.silent:
        return OVER
    if patient.starts_at is None or policy is None or not policy.active:
        return NOT_WANTED
    return PAST if patient.starts_at <= now else ""


def _unwanted(left: Message, patient: Patient, policy: Policy | None, reason: str) -> str:
    """Why a planned message that nobody wished for is not sent; empty for what a person asked for, which no policy forbids."""
    if left.purpose is Purpose.DIRECT:
        return OVER if patient.over or patient.cancelled or patient.silent else ""
    if reason:
        return reason
    if policy is None or left.channel not in policy.channels:
        return NOT_WANTED
    other = left.about != patient.starts_at or patient.cancelled or left.purpose in CONFIRMATIONS
    return patient.lacks(left.channel) or (OVERTAKEN if other else NOT_WANTED)


def _in(
    channel: Channel, patient: Patient, policy: Policy, messages: Sequence[Message], now: datetime, pending: dict[UUID, Message]
) -> Iterator[Change]:
    """The changes in one channel; what is wished for is taken out of `pending`."""
    lack = patient.lacks(channel)
    for wish in _wishes(channel, patient, policy, messages, now):
        known = _known(wish, patient, messages)
        if lack or wish.why:
            if known is not None and known.id in pending:
                yield Withdraw(pending.pop(known.id).id, lack or wish.why)
            elif known is None:
                yield Leave(wish.purpose, channel, lack or wish.why, wish.minutes)
        elif known is None or known.state is MessageState.WITHDRAWN:
            yield _send(wish, patient, known)
        elif pending.pop(known.id, None) is not None and known.due_at != wish.due_at:
            yield Move(known.id, wish.due_at)


def _send(wish: _Wish, patient: Patient, known: Message | None) -> Send:
    assert patient.starts_at is not None  # noqa: S101  nothing is wished for without one
    again = None if known is None else known.id
    return Send(wish.purpose, wish.channel, patient.starts_at, wish.due_at, patient.place, wish.minutes, wish.nth, again)


def _known(wish: _Wish, patient: Patient, messages: Sequence[Message]) -> Message | None:
    """The message of this wish, whatever has become of it; a living one before one that was withdrawn."""
    same = [m for m in messages if m.purpose is wish.purpose and m.about == patient.starts_at and m.minutes == wish.minutes]
    if wish.purpose is not Purpose.REMINDER:
        same = [m for m in same if m.place is patient.place and m.nth == wish.nth]
    return min(same, key=lambda m: (m.state is MessageState.WITHDRAWN, m.state is MessageState.PLANNED, m.id), default=None)


# ---------------------------------------------------------------------- what is wished for


def _wishes(channel: Channel, patient: Patient, policy: Policy, messages: Sequence[Message], now: datetime) -> Iterator[_Wish]:
    confirmation = _confirmation(channel, patient, policy, messages, now)
    if confirmation is not None:
        yield confirmation
    if not patient.cancelled:
        yield from _reminders(channel, patient, policy, messages, now, confirmation)


def _confirmation(channel: Channel, patient: Patient, policy: Policy, messages: Sequence[Message], now: datetime) -> _Wish | None:
    """What they have to be told, because what they were told is not so."""
    given = sorted((m for m in messages if m.given), key=lambda m: m.turn)
    told = next((m for m in reversed(given) if m.purpose is not Purpose.DIRECT), None)
    purpose = _purpose(patient, told, given)
    if purpose is None:
        return None
    waits = _pending(purpose, patient, messages)
    if waits is not None:  # thought of before; that what they were told meanwhile turned out not to have come changes nothing
        return _judged(_Wish(waits.purpose, channel, _when(patient, policy, waits.due_at), nth=waits.nth), policy)
    wish = _Wish(purpose, channel, _when(patient, policy, now), nth=sum(m.purpose in CONFIRMATIONS for m in given))
    known = _known(wish, patient, messages)
    if not patient.news or (known is not None and known.state is not MessageState.WITHDRAWN):
        return None  # our settings changed, not the appointment: nobody is told now of what was booked long ago
    return _judged(wish, policy)


def _pending(purpose: Purpose, patient: Patient, messages: Sequence[Message]) -> Message | None:
    """A planned confirmation of what is so."""
    alike = {purpose} if purpose is Purpose.CANCELLED else {Purpose.SCHEDULED, Purpose.UPDATED}
    now_so = (patient.starts_at, patient.place)
    planned = [m for m in messages if m.state is MessageState.PLANNED and m.purpose in alike and (m.about, m.place) == now_so]
    return min(planned, key=lambda m: m.id, default=None)


def _judged(wish: _Wish, policy: Policy) -> _Wish:
    """With the reason, where the policy does not want it."""
    wanted = {Purpose.SCHEDULED: policy.on_scheduled, Purpose.UPDATED: policy.on_updated, Purpose.CANCELLED: policy.on_cancelled}
    return wish if wanted[wish.purpose] else replace(wish, why=NOT_WANTED)


def _purpose(patient: Patient, told: Message | None, given: Sequence[Message]) -> Purpose | None:
    """Which news it is to them."""
    if patient.cancelled:
        cancelled = told is not None and told.purpose is Purpose.CANCELLED
        return Purpose.CANCELLED if given and not cancelled else None
    if told is None:
        return Purpose.SCHEDULED
    return None if (told.about, told.place) == (patient.starts_at, patient.place) else Purpose.UPDATED


def _when(patient: Patient, policy: Policy, due: datetime) -> datetime:
    """After the quiet hours; at once where that would be too late, for then it is news that cannot wait."""
    assert patient.starts_at is not None  # noqa: S101  nothing is wished for without one
    loud = next_loud(due, patient.zone, policy.quiet_from, policy.quiet_to)
    return loud if loud < patient.starts_at else due


def _reminders(
    channel: Channel, patient: Patient, policy: Policy, messages: Sequence[Message], now: datetime, confirmation: _Wish | None
) -> Iterator[_Wish]:
    """Longest before first. One that was planned stays planned though its time has come; a new one is not planned for the past."""
    later: datetime | None = None
    told_at, gap = _told_at(patient, messages, confirmation), timedelta(minutes=policy.gap_minutes)
    wishes: list[_Wish] = []
    for minutes in sorted(set(policy.reminders)):
        wish = _reminder(channel, patient, policy, minutes)
        known = _known(wish, patient, messages)
        waits = known if known is not None and known.state is MessageState.PLANNED else None
        late = waits is None and wish.due_at <= now
        why = wish.why or (PAST if late else "") or (CAME if patient.came else "") or _too_near(wish.due_at, told_at, later, gap)
        later = later if why else wish.due_at
        due = waits.due_at if waits is not None and waits.tries else wish.due_at
        wishes.append(replace(wish, due_at=due, why=why))
    yield from reversed(wishes)


def _too_near(due: datetime, told_at: datetime | None, later: datetime | None, gap: timedelta) -> str:
    """Whether it would come before, or just after, they are told, or just before another reminder."""
    told = told_at is not None and due < told_at + gap
    return TOO_NEAR if told or (later is not None and later - due < gap) else ""


def _told_at(patient: Patient, messages: Sequence[Message], confirmation: _Wish | None) -> datetime | None:
    """When they are, or were, told of this appointment time."""
    if confirmation is not None and not confirmation.why:
        return confirmation.due_at
    about = [m for m in messages if m.given and m.purpose in CONFIRMATIONS and m.about == patient.starts_at]
    return max((m.sent_at or m.due_at for m in about), default=None)


def _reminder(channel: Channel, patient: Patient, policy: Policy, minutes: int) -> _Wish:
    """When it is to come: after quiet hours if that is still before the start, else before they begin."""
    assert patient.starts_at is not None  # noqa: S101  nothing is wished for without one
    due = patient.starts_at - timedelta(minutes=minutes)
    hours = (policy.quiet_from, policy.quiet_to)
    loud = next_loud(due, patient.zone, *hours)
    if loud + NEAR <= patient.starts_at:
        return _Wish(Purpose.REMINDER, channel, loud, minutes)
    if loud == due:
        return _Wish(Purpose.REMINDER, channel, due, minutes)
    before = last_loud(due, patient.zone, *hours) - BEFORE_QUIET
    why = QUIET if quiet(before, patient.zone, *hours) else ""
    return _Wish(Purpose.REMINDER, channel, before, minutes, why=why)


# ---------------------------------------------------------------------- a last look, right before it is sent


def hindrance(message: Message, patient: Patient, policy: Policy | None, now: datetime) -> str:
    """Why a planned message must not be sent now, although nobody has withdrawn it; empty when nothing stands against it."""
    if patient.silent or patient.over:
        return OVER
    lack = patient.lacks(message.channel)
    if lack:
        return lack
    if message.purpose is Purpose.DIRECT:
        return OVER if patient.cancelled else ""
    reason = _nothing(patient, policy, now)
    if reason or policy is None:
        return reason or NOT_WANTED
    if message.about != patient.starts_at or patient.cancelled != (message.purpose is Purpose.CANCELLED):
        return OVERTAKEN
    if message.purpose is Purpose.REMINDER:
        if patient.came:
            return CAME
        if _too_late(patient, policy, now):
            return QUIET
    return "" if _asked_for(message, policy) else NOT_WANTED


def _too_late(patient: Patient, policy: Policy, now: datetime) -> bool:
    """It is quiet now, and until after the start: a reminder that was held up does not wake anybody."""
    loud = next_loud(now, patient.zone, policy.quiet_from, policy.quiet_to)
    return patient.starts_at is not None and now < loud and loud >= patient.starts_at


def _asked_for(message: Message, policy: Policy) -> bool:
    asked = {
        Purpose.SCHEDULED: policy.on_scheduled,
        Purpose.UPDATED: policy.on_updated,
        Purpose.CANCELLED: policy.on_cancelled,
        Purpose.REMINDER: message.minutes in policy.reminders,
    }
    return message.channel in policy.channels and asked[message.purpose]


def later(message: Message, patient: Patient, policy: Policy | None, now: datetime) -> datetime | None:
    """When a message that must wait for the end of quiet hours may go; None when it may go now. See `hindrance` for what may not at all."""
    if message.purpose is Purpose.DIRECT or policy is None or patient.starts_at is None:
        return None
    loud = next_loud(now, patient.zone, policy.quiet_from, policy.quiet_to)
    return loud if now < loud < patient.starts_at else None
