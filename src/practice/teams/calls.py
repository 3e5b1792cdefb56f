"""The calls: who may come, who waits in the lobby, who was let in, who went. One line in the ledger for everything that happens.

Rebuilt at a start from the ledger. What the documentation of the real thing leaves open is decided here: a call runs while anybody is
in its roster, and who waits in the lobby is in its roster; a call that is ended for all tells only that, not each one's going.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from practice.ledger import Entry, Ledger
from practice.teams.model import Call, Gone, Happening, Kind, Presence, Rules, Who, line

KIND = "teams"
Watcher = Callable[[Happening], None]


class Refused(Exception):
    """What somebody wanted cannot be; the sentence is for them."""


class Calls:
    """Every meeting's calls. `rules` knows the meetings: None for one that is not, or is no more."""

    def __init__(self, ledger: Ledger, rules: Callable[[str], Rules | None]) -> None:
        self._ledger = ledger
        self._rules = rules
        self._history: dict[str, list[Call]] = {}
        self._where: dict[str, Call] = {}
        self._rosters: dict[str, int] = {}
        self._news = asyncio.Event()
        self.watchers: list[Watcher] = []
        for entry in ledger.entries(kind=KIND):
            self._play(entry)

    def watch(self, watcher: Watcher) -> None:
        """Have everything told that happens from now on, in its order, when it stands in the ledger."""
        self.watchers.append(watcher)

    # ------------------------------------------------------------------ what is

    def rules(self, meeting: str) -> Rules | None:
        """What a meeting's settings allow now."""
        return self._rules(meeting)

    def history(self, meeting: str) -> list[Call]:
        """Every call of a meeting, oldest first; the last may still run."""
        return list(self._history.get(meeting, []))

    def running(self, meeting: str) -> Call | None:
        """The call that runs now."""
        calls = self._history.get(meeting)
        return calls[-1] if calls and not calls[-1].ended else None

    def present(self, meeting: str) -> list[Presence]:
        """Who is in the roster now, the lobby too, in the order of their coming."""
        call = self.running(meeting)
        return [one for one in call.people.values() if not one.gone] if call else []

    def get(self, presence: str) -> Presence | None:
        """Somebody who is or was there."""
        call = self._where.get(presence)
        return call.people[presence] if call else None

    def meetings(self) -> list[str]:
        """Those in which anything ever happened."""
        return list(self._history)

    def happenings(self, meeting: str = "", *, since: int = 0) -> list[Happening]:
        """What happened, oldest first, after a number of the ledger."""
        entries = self._ledger.entries(kind=KIND, since=since)
        return [self._happening(one) for one in entries if meeting in {"", one["meeting"]}]

    async def wait(self, seen: int, seconds: float) -> int:
        """The ledger's last number of ours, as soon as it is another one than was seen, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.version == seen:
                    await self._news.wait()
        return self.version

    @property
    def version(self) -> int:
        """Grows with everything that happens."""
        return sum(self._rosters.values())

    # ------------------------------------------------------------------ what people do

    def join(self, meeting: str, *, who: Who, name: str, person: str = "", tid: str = "") -> Presence:
        """Somebody comes: into the lobby or past it.

        Raises:
            Refused: there is no such meeting.
        """
        rules = self._rules(meeting)
        if rules is None:
            raise Refused("We can't find this meeting. The link may be wrong, or the meeting was cancelled.")
        person = person or uuid4().hex
        made = Presence(str(uuid4()), meeting, who, person, name, tid, rules.role(who, person, tid), rules.holds(who, person, tid))
        if self.running(meeting) is None:
            self._tell(meeting, "callStarted", call=str(uuid4()))
        self._roster(meeting, [made])
        return self._known(made.id)

    def admit(self, *presences: str) -> None:
        """Let them in from the lobby; of who is not in it any more nothing is said."""
        waiting = [one for one in map(self._known, presences) if one.lobby and not one.gone]
        for meeting in {one.meeting for one in waiting}:
            self._roster(meeting, [replace(one, lobby=False) for one in waiting if one.meeting == meeting])

    def admit_all(self, meeting: str) -> None:
        """Let everybody in who waits."""
        self.admit(*(one.id for one in self.present(meeting) if one.lobby))

    def leave(self, presence: str, why: Gone = "left") -> None:
        """They go; `noResponse` when their device was not heard of any more. Twice is once."""
        one = self._known(presence)
        if one.gone:
            return
        self._roster(one.meeting, [replace(one, gone=why)])
        if not self.present(one.meeting):
            self._tell(one.meeting, "callEnded")

    def remove(self, presence: str) -> None:
        """Somebody who leads sends them away: from the call, or from the lobby."""
        self.leave(presence, "denied" if self._known(presence).lobby else "removed")

    def end(self, meeting: str) -> None:
        """Over for all. Nothing but the end is told."""
        if self.running(meeting) is not None:
            self._tell(meeting, "callEnded")

    # ------------------------------------------------------------------ writing it down

    def _known(self, presence: str) -> Presence:
        found = self.get(presence)
        if found is None:
            raise Refused("There is nobody of that name in a meeting.")
        return found

    def _roster(self, meeting: str, people: Iterable[Presence]) -> None:
        self._tell(meeting, "rosterUpdated", participants=[line(one) for one in people])

    def _tell(self, meeting: str, event: Kind, **facts: Any) -> None:
        """Into the ledger first, then into memory, then to whoever watches."""
        running = self.running(meeting)
        said = {"call": running.id if running else "", "roster": self._rosters.get(meeting, 0) + 1, **facts}
        entry = self._ledger.append({"kind": KIND, "outcome": "ok", "event": event, "meeting": meeting, **said}, safe=False)
        happening = self._play(entry)
        self._news.set()
        self._news = asyncio.Event()
        for watcher in list(self.watchers):
            watcher(happening)

    def _play(self, entry: Entry) -> Happening:
        """Take in one line: of what happened just now, or again at a start."""
        meeting, at = entry["meeting"], entry["at"]
        self._rosters[meeting] = entry["roster"]
        calls = self._history.setdefault(meeting, [])
        if entry["event"] == "callStarted":
            calls.append(Call(entry["call"], meeting, at))
        elif entry["event"] == "callEnded":
            calls[-1].ended = at
            for one in [one for one in calls[-1].people.values() if not one.gone]:
                calls[-1].people[one.id] = replace(one, gone="ended", over=at)
        else:
            for said in entry["participants"]:
                self._where[said["id"]] = calls[-1]
                calls[-1].people[said["id"]] = _after(calls[-1].people.get(said["id"]), said, meeting, at)
        return self._happening(entry)

    def _happening(self, entry: Entry) -> Happening:
        people = tuple(_after(self.get(one["id"]), one, entry["meeting"], entry["at"]) for one in entry.get("participants", ()))
        return Happening(entry["seq"], entry["at"], entry["event"], entry["meeting"], entry["call"], entry["roster"], people)


def _after(before: Presence | None, said: dict[str, Any], meeting: str, at: str) -> Presence:
    """Somebody as a line of the ledger says, with the times that earlier lines had."""
    now = Presence(meeting=meeting, **said)
    came = before.came if before else at
    admitted = (before.admitted if before else "") or ("" if now.lobby else at)
    return replace(now, came=came, admitted=admitted, over=at if now.gone else "")
