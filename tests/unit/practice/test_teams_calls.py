"""Who waits, who is in, who went: the practice cloud's meetings, and that a restart forgets nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice.ledger import Ledger
from practice.teams.calls import Calls, Refused
from practice.teams.model import Happening, Presence, Rules

TID, ROSA, MEI = "the-clinic", "rosa", "mei"
RULES = Rules(ROSA, TID, scope="organization", presenters=frozenset({MEI}), presenting="roleIsPresenter")


class Meetings:
    """A clinic's calls, and everything they told."""

    def __init__(self, folder: Path, rules: Rules = RULES) -> None:
        self.seconds = 1_700_000_000.0
        self.ledger = Ledger(folder, self.now)
        self.calls = Calls(self.ledger, lambda meeting: rules if meeting == "the-meeting" else None)
        self.heard: list[Happening] = []
        self.calls.watch(self.heard.append)

    def now(self) -> float:
        self.seconds += 1
        return self.seconds

    def rosa(self) -> Presence:
        return self.calls.join("the-meeting", who="user", name="Rosa Okafor", person=ROSA, tid=TID)

    def amy(self) -> Presence:
        return self.calls.join("the-meeting", who="guest", name="Amy Shaw")

    def told(self) -> list[str]:
        """Each happening in a word, with who changed and how."""
        return [
            " ".join([one.kind, *(f"{p.name.split()[0]}:{p.gone or ('lobby' if p.lobby else 'in')}" for p in one.people)])
            for one in self.heard
        ]


@pytest.fixture
def meetings(tmp_path: Path) -> Iterator[Meetings]:
    made = Meetings(tmp_path)
    yield made
    made.ledger.close()


def test_a_visit_is_told_from_the_first_who_comes_to_the_last_who_goes(meetings: Meetings) -> None:
    amy = meetings.amy()
    rosa = meetings.rosa()
    meetings.calls.admit(amy.id)
    meetings.calls.leave(amy.id)
    meetings.calls.leave(rosa.id)
    expected = ["callStarted", "rosterUpdated Amy:lobby", "rosterUpdated Rosa:in", "rosterUpdated Amy:in", "rosterUpdated Amy:left"]
    assert meetings.told() == [*expected, "rosterUpdated Rosa:left", "callEnded"]
    assert [one.roster for one in meetings.heard] == [1, 2, 3, 4, 5, 6, 7]


def test_the_end_for_all_tells_nothing_but_the_end_and_nobody_is_there_any_more(meetings: Meetings) -> None:
    amy, rosa = meetings.amy(), meetings.rosa()
    meetings.calls.end("the-meeting")
    assert meetings.told()[-1] == "callEnded"
    assert meetings.calls.present("the-meeting") == []
    gone = [meetings.calls.get(one.id) for one in (amy, rosa)]
    assert [one.gone for one in gone if one] == ["ended", "ended"]
    meetings.calls.end("the-meeting")
    meetings.calls.leave(amy.id)
    assert meetings.told().count("callEnded") == 1


@pytest.mark.parametrize(
    ("scope", "waiting"),
    [
        ("organizer", ["colleague", "other", "guest"]),
        ("organization", ["other", "guest"]),
        ("organizationExcludingGuests", ["other", "guest"]),
        ("organizationAndFederated", ["guest"]),
        ("everyone", []),
    ],
)
def test_the_lobby_holds_whom_its_scope_holds(scope: str, waiting: list[str]) -> None:
    rules = Rules(ROSA, TID, scope=scope)
    people = {
        "organizer": ("user", ROSA, TID),
        "colleague": ("user", "c", TID),
        "other": ("user", "o", "else"),
        "guest": ("guest", "g", ""),
    }
    assert [name for name, (who, person, tid) in people.items() if rules.holds(who, person, tid)] == waiting  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("presenting", "leading"),
    [
        ("organizer", ["organizer"]),
        ("roleIsPresenter", ["organizer", "invited"]),
        ("organization", ["organizer", "invited", "colleague"]),
        ("everyone", ["organizer", "invited", "colleague", "guest"]),
    ],
)
def test_who_leads_is_said_by_the_meeting(presenting: str, leading: list[str]) -> None:
    rules = Rules(ROSA, TID, presenters=frozenset({MEI}), presenting=presenting)
    people = {"organizer": ("user", ROSA, TID), "invited": ("user", MEI, TID), "colleague": ("user", "c", TID), "guest": ("guest", "g", "")}
    found = [name for name, (who, person, tid) in people.items() if rules.role(who, person, tid) != "Attendee"]  # type: ignore[arg-type]
    assert found == leading


def test_who_is_sent_away_from_the_lobby_was_never_in_the_call(meetings: Meetings) -> None:
    meetings.rosa()
    amy = meetings.amy()
    meetings.calls.remove(amy.id)
    meetings.calls.admit(amy.id)
    call = meetings.calls.history("the-meeting")[0]
    assert [one.name for one in call.attended] == ["Rosa Okafor"]
    assert call.people[amy.id].gone == "denied"


def test_a_restart_knows_everything_again_and_goes_on_counting(meetings: Meetings, tmp_path: Path) -> None:
    rosa, amy = meetings.rosa(), meetings.amy()
    meetings.calls.admit_all("the-meeting")
    meetings.calls.leave(amy.id)
    ledger = Ledger(tmp_path, meetings.now)
    again = Calls(ledger, meetings.calls.rules)
    assert again.history("the-meeting") == meetings.calls.history("the-meeting")
    assert again.happenings() == meetings.calls.happenings()
    assert again.version == meetings.calls.version
    again.leave(rosa.id)
    assert again.running("the-meeting") is None
    ledger.close()


def test_nobody_comes_into_a_meeting_that_is_not(meetings: Meetings) -> None:
    with pytest.raises(Refused, match="can't find"):
        meetings.calls.join("another", who="guest", name="Amy Shaw")
    with pytest.raises(Refused):
        meetings.calls.leave("nobody")
    assert meetings.ledger.entries() == []


async def test_whoever_waits_for_news_has_them_at_once(meetings: Meetings) -> None:
    seen = meetings.calls.version
    assert await meetings.calls.wait(seen, 0) == seen
    meetings.rosa()
    assert await meetings.calls.wait(seen, 10) == seen + 2
