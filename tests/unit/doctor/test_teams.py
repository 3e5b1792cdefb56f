"""What the doctor says of Microsoft Teams: each trouble by its name, with a remedy, and what is well once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from vestibule.doctor.checks.teams import teams
from vestibule.doctor.model import Finding, Level
from vestibule.doctor.ports import TeamsAnswer, TeamsSeen
from vestibule.errors import Unavailable
from vestibule.kit.exchange import Answer, Ask

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORIGIN = "https://visits.alder.example"
NEEDED = ((frozenset({"Meetings.Write"}), "meetings are made"), (frozenset({"Join.Read", "Join.Write"}), "patients join"))
ALL = frozenset({"Meetings.Write", "Join.Write"})
FINE = TeamsAnswer(permissions=ALL, skew=2.0, organizers=(("id-1", "", 3),))
LASTS = NOW + timedelta(days=365)


class Echo:
    """The outside door: our own address, as it answers."""

    def __init__(
        self, *, status: int = 200, body: bytes | None = None, kind: str = "text/plain; charset=utf-8", dead: bool = False
    ) -> None:
        self.status, self.body, self.kind, self.dead = status, body, kind, dead
        self.asked: list[Ask] = []

    async def perform(self, ask: Ask, **_: Any) -> Answer:
        """Give the token back, as Microsoft demands, unless told otherwise."""
        self.asked.append(ask)
        if self.dead:
            raise Unavailable("address-unreachable", "No connection.", phase=ask.phase)
        token = parse_qs(urlsplit(ask.url).query)["validationToken"][0].encode()
        return Answer(self.status, {"content-type": self.kind}, token if self.body is None else self.body, ask.url)


def said(answer: TeamsAnswer | None = FINE, door: Echo | None = None, origin: str = ORIGIN, **seen: Any) -> dict[str, Finding]:
    async def ask() -> TeamsAnswer:
        assert answer is not None
        return answer

    facts = {"chosen": True, "near": False, "needed": NEEDED, "hook": "/notices", "limit": 2000, "proof_ends": LASTS, **seen}
    one = TeamsSeen(**facts, ask=None if answer is None else ask)

    async def run() -> list[Finding]:
        return [finding async for finding in teams(door or Echo(), one, origin, NOW)]  # type: ignore[arg-type]

    found = asyncio.run(run())
    assert all(finding.remedy for finding in found if finding.level is not Level.GOOD)
    return {finding.code: finding for finding in found}


def test_when_all_is_well_everything_is_good() -> None:
    found = said()
    assert {finding.level for finding in found.values()} == {Level.GOOD}
    assert set(found) == {"teams", "teams-clock", "teams-certificate", "teams-notices", "teams-permissions", "teams-organizers"}


@pytest.mark.parametrize(("chosen", "level"), [(True, Level.STOPS), (False, Level.LOOK)])
def test_what_is_not_connected_stops_only_where_it_is_chosen(chosen: bool, level: Level) -> None:
    found = said(None, chosen=chosen)
    assert {code: one.level for code, one in found.items()} == {"teams-not-connected": level}


@pytest.mark.parametrize(
    ("answer", "code", "level"),
    [
        (TeamsAnswer(code="teams-not-signed-in", what="No such application."), "teams-sign-in-refused", Level.STOPS),
        (TeamsAnswer(code="teams-unreachable", refused=False), "teams-unreached", Level.LOOK),
        (TeamsAnswer(code="teams-throttled", refused=False), "teams-unreached", Level.LOOK),
        (TeamsAnswer(permissions=frozenset({"Join.Read"})), "teams-permission-missing", Level.STOPS),
        (TeamsAnswer(permissions=ALL, skew=-90), "teams-clock-wrong", Level.LOOK),
        (TeamsAnswer(permissions=ALL, skew=301), "teams-clock-wrong", Level.STOPS),
        (TeamsAnswer(permissions=ALL), "teams-no-organizer", Level.LOOK),
        (TeamsAnswer(permissions=ALL, organizers=(("id-1", "teams-policy-missing", 0),)), "teams-policy-missing", Level.STOPS),
        (TeamsAnswer(permissions=ALL, organizers=(("id-1", "teams-licence-missing", 0),)), "teams-licence-missing", Level.STOPS),
        (TeamsAnswer(permissions=ALL, organizers=(("id-1", "teams-user-unknown", 0),)), "teams-user-unknown", Level.STOPS),
        (TeamsAnswer(permissions=ALL, organizers=(("id-1", "teams-throttled", 0),)), "teams-organizer-unseen", Level.LOOK),
        (TeamsAnswer(permissions=ALL, organizers=(("id-1", "", 1600),)), "teams-month-full", Level.LOOK),
        (TeamsAnswer(permissions=ALL, premium=False), "teams-premium-missing", Level.LOOK),
    ],
)
def test_each_trouble_has_its_name(answer: TeamsAnswer, code: str, level: Level) -> None:
    assert said(answer)[code].level is level


def test_somebody_not_let_in_is_not_asked_about_permissions() -> None:
    assert "teams-permission-missing" not in said(TeamsAnswer(code="teams-not-signed-in"))


def test_the_missing_permission_is_named_and_the_granted_one_is_not() -> None:
    what = said(TeamsAnswer(permissions=frozenset({"Meetings.Write"})))["teams-permission-missing"].what
    assert "Join.Read or Join.Write" in what
    assert "Meetings.Write" not in what


def test_a_permission_that_visits_can_do_without_is_worth_a_look_at_most() -> None:
    found = said(useful=((frozenset({"Users.Read"}), "organizers are seen"),))
    assert found["teams-permission-useful"].level is Level.LOOK
    assert found["teams-permissions"].level is Level.GOOD
    assert "teams-permission-useful" not in said(useful=((ALL, "what is there"),))


def test_of_many_organizers_three_are_named() -> None:
    many = tuple((f"id-{number}", "teams-policy-missing", 0) for number in range(9))
    assert "id-0, id-1, id-2 and 6 more" in said(TeamsAnswer(permissions=ALL, organizers=many))["teams-policy-missing"].what


def test_a_microsoft_that_never_answers_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestibule.doctor.checks.teams._SECONDS", 0.01)

    async def never() -> TeamsAnswer:
        await asyncio.Event().wait()
        raise AssertionError

    one = TeamsSeen(chosen=True, near=False, needed=NEEDED, hook="/notices", limit=2000, ask=never)

    async def run() -> set[str]:
        return {finding.code async for finding in teams(Echo(), one, ORIGIN, NOW)}  # type: ignore[arg-type]

    assert "teams-unreached" in asyncio.run(run())


@pytest.mark.parametrize(
    ("origin", "near", "code"),
    [
        ("http://127.0.0.1:8080", False, "teams-notices-unreachable"),
        ("https://localhost:8443", False, "teams-notices-unreachable"),
        ("http://visits.alder.example", False, "teams-notices-unreachable"),
        ("http://127.0.0.1:8080", True, "teams-notices"),
        (ORIGIN, False, "teams-notices"),
    ],
)
def test_an_address_that_microsoft_cannot_call_is_named_and_not_called(origin: str, near: bool, code: str) -> None:
    door = Echo()
    assert code in said(door=door, origin=origin, near=near)
    assert [ask.url.partition("?")[0] for ask in door.asked] == ([f"{origin}/notices"] if code == "teams-notices" else [])


@pytest.mark.parametrize(
    ("door", "code", "level"),
    [
        (Echo(dead=True), "teams-notices-unreached", Level.LOOK),
        (Echo(status=404, body=b"no"), "teams-notices-wrong", Level.STOPS),
        (Echo(body=b"<html>Sign in"), "teams-notices-wrong", Level.STOPS),
        (Echo(kind="text/html"), "teams-notices-wrong", Level.STOPS),
        (Echo(status=302), "teams-notices-wrong", Level.STOPS),
    ],
)
def test_an_address_that_does_not_give_the_token_back_is_named(door: Echo, code: str, level: Level) -> None:
    assert said(door=door)[code].level is level


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (NOW - timedelta(seconds=1), "teams-certificate-over"),
        (NOW + timedelta(days=29), "teams-certificate-ends"),
        (NOW + timedelta(days=31), "teams-certificate"),
    ],
)
def test_the_end_of_the_certificate_is_seen_coming(ends: datetime, code: str) -> None:
    assert code in said(proof_ends=ends)


def test_a_secret_has_no_end_that_we_could_know() -> None:
    assert not {code for code in said(proof_ends=None) if "certificate" in code}


def test_lost_notifications_and_a_key_that_is_over_are_named() -> None:
    found = said(delayed=2, heard=NOW - timedelta(hours=3), notify_ends=NOW)
    assert "2026-11-21 at 09:00" in found["teams-notices-late"].what
    assert found["teams-notify-key-over"].level is Level.LOOK


@pytest.mark.parametrize("text", ["a\nb", "<script>", "é\u202e" * 300])
def test_what_microsoft_says_stays_on_its_line(text: str) -> None:
    for finding in said(TeamsAnswer(code=text, what=text)).values():
        assert finding.what.isascii()
        assert finding.what.isprintable()
        assert "<" not in finding.what
