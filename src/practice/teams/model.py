"""A meeting's rules, somebody's presence in it, what happened there: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Who = Literal["user", "guest"]
Role = Literal["Organizer", "Presenter", "Attendee"]
Kind = Literal["callStarted", "rosterUpdated", "callEnded"]
Gone = Literal["", "left", "removed", "denied", "ended", "noResponse"]


@dataclass(frozen=True)
class Rules:
    """What a meeting's settings allow.

    Attributes:
        organizer: object id, in the directory `tid`.
        scope: who comes in past the lobby, in the words of `lobbyBypassSettings.scope`.
        presenters: object ids of those invited as presenters.
        presenting: who else is a presenter, in the words of `allowedPresenters`.
        chat: `enabled`, `limited`, `disabled`.
    """

    organizer: str
    tid: str
    subject: str = ""
    scope: str = "everyone"
    presenters: frozenset[str] = frozenset()
    presenting: str = "everyone"
    chat: str = "enabled"
    announced: bool = False
    recorded: bool = False

    def role(self, who: Who, person: str, tid: str) -> Role:
        """What somebody is in this meeting."""
        if who == "user" and person == self.organizer:
            return "Organizer"
        ours = who == "user" and tid == self.tid
        named = who == "user" and person in self.presenters and self.presenting != "organizer"
        others = self.presenting == "everyone" or (self.presenting == "organization" and ours)
        return "Presenter" if named or others else "Attendee"

    def holds(self, who: Who, person: str, tid: str) -> bool:
        """Whether somebody must wait in the lobby. The organizer never does."""
        if who == "user" and person == self.organizer:
            return False
        ours = who == "user" and tid == self.tid
        if self.scope == "everyone":
            return False
        if self.scope == "organizationAndFederated":
            return who != "user"
        if self.scope == "invited":
            return person not in self.presenters
        return not (ours and self.scope.startswith("organization"))


@dataclass(frozen=True)
class Presence:
    """Somebody at one device in a meeting, from coming to going.

    Attributes:
        person: the object id of a user; of a guest a name for this presence only.
        lobby: waits; `came` is when they came at all, `admitted` when they came in.
        gone: why they are not there any more; empty while they are.
    """

    id: str
    meeting: str
    who: Who
    person: str
    name: str
    tid: str = ""
    role: Role = "Attendee"
    lobby: bool = False
    came: str = ""
    admitted: str = ""
    over: str = ""
    gone: Gone = ""

    @property
    def inside(self) -> bool:
        """In the call now."""
        return not self.lobby and not self.gone

    @property
    def leads(self) -> bool:
        """Whether they may admit, remove and end."""
        return self.role != "Attendee"


@dataclass(frozen=True)
class Happening:
    """One thing that happened in a meeting, as it stands in the ledger.

    Attributes:
        number: its place in the ledger.
        at: e.g. `2026-11-21T10:30:00.123Z`.
        roster: grows by one with every change of who is there, and is not reset by a new call.
        people: those who changed, as they are afterwards.
    """

    number: int
    at: str
    kind: Kind
    meeting: str
    call: str
    roster: int
    people: tuple[Presence, ...] = ()


@dataclass
class Call:
    """One time that a meeting takes place, from the first who comes (the lobby counts) to the last who goes."""

    id: str
    meeting: str
    started: str
    ended: str = ""
    people: dict[str, Presence] = field(default_factory=dict)

    @property
    def attended(self) -> list[Presence]:
        """Those who were in it, not only in its lobby, in the order of their coming in."""
        return sorted((one for one in self.people.values() if one.admitted), key=lambda one: (one.admitted, one.id))


def line(presence: Presence) -> dict[str, Any]:
    """A presence as the ledger has it; of the rest of it the ledger knows from earlier lines."""
    said = {"id": presence.id, "who": presence.who, "person": presence.person, "name": presence.name, "tid": presence.tid}
    return {**said, "role": presence.role, "lobby": presence.lobby, "gone": presence.gone}
