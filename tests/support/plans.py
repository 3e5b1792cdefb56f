"""Planning as a test plays it: the messages of one patient, and a carrier that takes what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import count

from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, VisitId, new_id
from vestibule.messages import planning
from vestibule.messages.model import Message, MessageState, Policy
from vestibule.messages.planning import Move, Patient, Send, Withdraw, hindrance, later, plan

S = MessageState
CONNECTION = ConnectionId(new_id())
NONE_QUIET = {"quiet_from": time(0), "quiet_to": time(0)}
POLICY = Policy(CONNECTION, consented=True, **NONE_QUIET)  # type: ignore[arg-type]
NIGHTS = Policy(CONNECTION, consented=True)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def patient(starts_at: datetime | None = NOON + 2 * DAY, **more: object) -> Patient:
    base = Patient(VisitId(new_id()), ParticipantId(new_id()), CONNECTION, starts_at, zone=BERLIN, phone=True)
    return replace(base, **more)  # type: ignore[arg-type]


class World:
    """Messages of one patient, and a carrier that takes what is due."""

    def __init__(self, who: Patient, policy: Policy | None = POLICY, now: datetime = NOON) -> None:
        self.who, self.policy, self.now = who, policy, now
        self.messages: dict[object, Message] = {}
        self.given: list[Message] = []
        self._turns = count(1)

    def plan(self, **change: object) -> list[planning.Change]:
        """Something is said (or nothing); plan anew and do what the plan says."""
        self.who = replace(self.who, **change)  # type: ignore[arg-type]
        changes = plan(self.who, self.policy, list(self.messages.values()), self.now)
        for one in changes:
            self.apply(one)
        return changes

    def apply(self, one: planning.Change) -> None:
        if isinstance(one, Send):
            self._send(one)
        elif isinstance(one, Move):
            self.messages[one.message] = replace(self.messages[one.message], due_at=one.due_at)
        elif isinstance(one, Withdraw):
            self._to(self.messages[one.message], S.WITHDRAWN, one.why)

    def _send(self, one: Send) -> None:
        if one.again is not None:
            self.messages[one.again] = replace(self.messages[one.again], state=S.PLANNED, due_at=one.due_at, code="")
            return
        who, key = self.who, one.key(self.who.participant)
        assert key not in {m.key for m in self.messages.values()}, "one message a key"
        made = Message(
            new_id(), TenantId(new_id()), who.visit, who.participant, CONNECTION, one.purpose, one.channel, key, S.PLANNED, one.due_at
        )
        self.messages[made.id] = replace(made, about=one.about, minutes=one.minutes, place=one.place, nth=one.nth)

    def _to(self, message: Message, state: MessageState, code: str = "") -> Message:
        turn = next(self._turns) if state is S.ACCEPTED else message.turn
        self.messages[message.id] = replace(message, state=state, code=code, turn=turn, sent_at=self.now if turn else None)
        return self.messages[message.id]

    def run(self, until: datetime) -> None:
        """Time passes; what is due goes, as the sender would do it."""
        while True:
            due = sorted((m for m in self.messages.values() if m.state is S.PLANNED and m.due_at <= until), key=lambda m: m.due_at)
            if not due:
                break
            one = due[0]
            self.now = max(self.now, one.due_at)
            why = hindrance(one, self.who, self.policy, self.now)
            wait = later(one, self.who, self.policy, self.now)
            if why:
                self._to(one, S.WITHDRAWN, why)
            elif wait is not None:
                self.messages[one.id] = replace(one, due_at=wait)
            else:
                self.given.append(self._to(one, S.ACCEPTED))
        self.now = max(self.now, until)

    @property
    def told(self) -> list[tuple[str, datetime]]:
        return [(m.purpose.value, m.due_at) for m in self.given]

    @property
    def planned(self) -> list[tuple[str, datetime]]:
        waiting = [m for m in self.messages.values() if m.state is S.PLANNED]
        return sorted(((m.purpose.value, m.due_at) for m in waiting), key=lambda p: p[1])
