"""Who is in a meeting elsewhere: whom a name in its roster stands for, and what a notification changes. Pure.

Notifications come late, twice, in another order than things happened, or not at all. So each presence keeps since when it is as it is, by
Microsoft's clock, and nothing older changes it. What comes too late to matter now is still told: that somebody came and went.

Who is who. Somebody with an account is known by it. Whoever comes by the browser gives a name: they are the one of that name who was shown
the way in and is not there; else the only one, else the one who was shown it last. A clinician is taken for nobody's guess: only by their
account or, where theirs is not known to us, by their name. All others did not come through us, and are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from vestibule.kit.ids import ParticipantId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import CallEvent, CallEventKind, Identity, IdentityKind, Seen, Way
from vestibule.meetings.store.roster import Call, Presence, Present
from vestibule.visits.model import Participant, PersonRole, Visit

_LONGEST_ID: Final = 200
# Which of two words of one moment is the later one.
_RANK: Final = {Presence.LOBBY: 0, Presence.IN: 1, Presence.GONE: 2}
_NOT_ONES_NAME: Final = re.compile(r"\s*\((guest|unverified)\)\s*$", re.IGNORECASE)


class StepKind(StrEnum):
    """What a visit is told of somebody."""

    CAME = "came"
    WENT = "went"
    KNOCKED = "knocked"


@dataclass(frozen=True, slots=True)
class Step:
    """Something to tell the visit; it knows itself whether that can be now.

    Attributes:
        at: when it happened, by Microsoft's clock.
    """

    kind: StepKind
    participant: ParticipantId
    at: datetime


@dataclass(frozen=True, slots=True)
class Around:
    """What is known when a notification comes, besides the roster.

    Attributes:
        visit: with its people's names, where they are not erased yet.
        ways: to whom the way in was shown, the latest first.
        accounts: whose the accounts of the directory are, by object id in lower case.
        directory: the organisation's own.
        key: by which somebody without an account is known again; None where there is nothing to know them by.
    """

    visit: Visit
    ways: Sequence[Way]
    accounts: Mapping[str, ParticipantId]
    directory: str
    key: Callable[[Identity], bytes | None]


@dataclass
class Roster:
    """A meeting's roster, and what notifications make of it.

    Attributes:
        rows: by Microsoft's name of the presence.
        call: what was heard of the call.
        changed: rows that are to be kept.
        ended_at: when the call ended, if one of the notifications said so and that is news.
    """

    rows: dict[str, Present]
    call: Call
    changed: dict[str, Present] = field(default_factory=dict)
    ended_at: datetime | None = None

    def take(self, event: CallEvent, around: Around, came_at: datetime) -> list[Step]:
        """One notification; what the visit is to be told, in this order.

        Args:
            event: proved and opened.
            around: what else is known.
            came_at: when it reached us; stands in where it does not say when it happened.
        """
        at = event.at or came_at
        if event.kind is CallEventKind.STARTED:
            self._started(at)
            return []
        if event.kind is CallEventKind.ENDED:
            return self.over(at)
        return [step for seen in event.people for step in self._seen(seen, around, at)] if event.kind is CallEventKind.ROSTER else []

    @property
    def anybody(self) -> bool:
        """Whether somebody is in the call, or waits in its lobby."""
        return any(row.state is not Presence.GONE for row in self.rows.values())

    def here(self, participant: ParticipantId) -> datetime | None:
        """Since when somebody is in the call, with whatever device; None when they are not."""
        return min((row.as_of for row in self.rows.values() if row.participant == participant and row.state is Presence.IN), default=None)

    # ------------------------------------------------------------------ the call

    def _started(self, at: datetime) -> None:
        if self.call.started_at is None or self.call.started_at < at:
            self.call = replace(self.call, started_at=at)

    def over(self, at: datetime) -> list[Step]:
        """The call ended: everybody who was there by then is gone. An old end, behind which another call began, ends only its own."""
        gone = [row for row in self.rows.values() if row.state is not Presence.GONE and row.as_of <= at]
        for row in gone:
            self._put(replace(row, state=Presence.GONE, as_of=at))
        known = self.call.ended_at is not None and self.call.ended_at >= at
        if not known and not (self.call.started_at and self.call.started_at > at):
            self.ended_at = at
            self.call = replace(self.call, ended_at=at)
        people = dict.fromkeys(row.participant for row in gone if row.participant is not None and row.state is Presence.IN)
        return [Step(StepKind.WENT, one, at) for one in people if self.here(one) is None]

    # ------------------------------------------------------------------ one line of a notification

    def _seen(self, seen: Seen, around: Around, at: datetime) -> list[Step]:
        name = seen.id or seen.identity.id
        before = self.rows.get(name)
        if not name or len(name) > _LONGEST_ID or (before is None and seen.identity.kind is IdentityKind.APPLICATION):
            return []
        state = Presence.GONE if seen.gone else Presence.LOBBY if seen.in_lobby else Presence.IN
        if before is not None and not _later(before, state, at, seen.sequence):
            return self._late(before, state, at)
        identity = around.key(seen.identity) or (before.identity if before else None)
        participant = (before.participant if before else None) or self._who(seen.identity, identity, around)
        came_at = (before.came_at if before else None) or (at if state is Presence.IN else None)
        row = Present(name, identity, participant, state, at, seen.sequence, came_at)
        return self._now(before, row)

    def _now(self, before: Present | None, row: Present) -> list[Step]:
        ended = self.call.ended_at
        if row.state is not Presence.GONE and ended is not None and row.as_of <= ended:
            closed = replace(row, state=Presence.GONE, as_of=ended)
            self._put(closed)
            return _was_there(closed, row.as_of) if row.state is Presence.IN else []
        self._put(row)
        if row.state is Presence.IN and (self.call.started_at is None or (ended and self.call.started_at <= ended)):
            self.call = replace(self.call, started_at=row.as_of)  # that it began was not told, or is still on its way
        return self._steps(before, row)

    def _steps(self, before: Present | None, row: Present) -> list[Step]:
        if row.participant is None:
            return []
        if row.state is Presence.IN:
            return [Step(StepKind.CAME, row.participant, row.as_of)]
        here = self.here(row.participant) is not None  # with another device
        went = [] if here or before is None or before.state is not Presence.IN else [Step(StepKind.WENT, row.participant, row.as_of)]
        knocks = row.state is Presence.LOBBY and not here and (before is None or before.state is not Presence.LOBBY)
        return [*went, Step(StepKind.KNOCKED, row.participant, row.as_of)] if knocks else went

    def _late(self, row: Present, state: Presence, at: datetime) -> list[Step]:
        """Older news changes nothing of now. That somebody was there at all, who is gone by now and was never told of, is told."""
        if state is not Presence.IN or row.came_at is not None or row.state is not Presence.GONE or at > row.as_of:
            return []
        self._put(replace(row, came_at=at))
        return _was_there(row, at) if row.participant is None or self.here(row.participant) is None else []

    def _put(self, row: Present) -> None:
        self.rows[row.graph_id] = self.changed[row.graph_id] = row

    # ------------------------------------------------------------------ who it is

    def _who(self, identity: Identity, key: bytes | None, around: Around) -> ParticipantId | None:
        """Whom we take somebody for; None for nobody who came through us."""
        by_account = around.accounts.get(identity.id.lower()) if identity.kind is IdentityKind.USER else None
        if by_account is not None:
            return by_account
        again = next((row.participant for row in self.rows.values() if key and row.identity == key and row.participant), None)
        again = again or next((way.participant for way in around.ways if key and way.identity == key), None)
        if again or identity.kind in {IdentityKind.PHONE, IdentityKind.APPLICATION} or colleague(identity, around.directory):
            return again
        return self._guest(identity, around)

    def _guest(self, identity: Identity, around: Around) -> ParticipantId | None:
        known = set(around.accounts.values())
        shown = [who for way in around.ways if (who := around.visit.person(way.participant)) is not None and who.id not in known]
        there = {row.participant for row in self.rows.values() if row.state is not Presence.GONE}
        absent = [who for who in shown if who.id not in there]
        guess = [who for who in absent if who.role is not PersonRole.PROVIDER]
        found = named(absent, identity.name) or next(iter(guess), None) or named(shown, identity.name)
        return found.id if found else None


def identity_key(box: SecretBox, identity: Identity) -> bytes | None:
    """By which somebody of a roster is known again, also in a report; None where Microsoft does not say who they are."""
    return box.keyed_hash(f"meeting-identity|{identity.kind.value}|{identity.id.lower()}") if identity.id else None


def counted(number: int | None, missing: int, heard: Iterable[int]) -> tuple[int | None, int]:
    """How far the roster's own number was heard, and how many below it were not, once some more are heard.

    Args:
        number: the highest until now; None before the first, of which nobody knows what came before.
        missing: until now.
        heard: those of one notification.
    """
    for one in sorted(set(heard)):
        if number is None:
            number = one
        elif one > number:
            number, missing = one, missing + one - number - 1
        elif one < number:
            missing = max(missing - 1, 0)
    return number, missing


def _later(row: Present, state: Presence, at: datetime, sequence: int | None) -> bool:
    """Whether a word is news of a presence. Words of one moment are told apart by the roster's number, or by their order in life."""
    if at != row.as_of:
        return at > row.as_of
    if sequence is not None and row.sequence is not None and sequence != row.sequence:
        return sequence > row.sequence
    return _RANK[state] > _RANK[row.state]


def _was_there(row: Present, at: datetime) -> list[Step]:
    """They came and went, and both is told only now."""
    if row.participant is None:
        return []
    return [Step(StepKind.CAME, row.participant, at), Step(StepKind.WENT, row.participant, max(row.as_of, at))]


def colleague(identity: Identity, directory: str) -> bool:
    """An account of the organisation's own that nobody of the visit has: no patient's, and no guess."""
    return identity.kind is IdentityKind.USER and bool(identity.directory) and identity.directory.lower() == directory.lower()


def named(people: Sequence[Participant], name: str) -> Participant | None:
    """Whoever of these is called so; nobody where no name is given."""
    wanted = _plain(name)
    return next((one for one in people if wanted and _plain(one.name) == wanted), None)


def _plain(name: str) -> str:
    return " ".join(_NOT_ONES_NAME.sub("", name).casefold().split())
