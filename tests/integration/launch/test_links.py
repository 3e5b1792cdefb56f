"""Short links: every state has a page that helps, looking changes nothing, and guessing finds nothing."""

from __future__ import annotations

import asyncio
import gzip
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from support.launching import World, world
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import VisitId, fingerprint
from vestibule.platform.db import Database
from vestibule.platform.web.limits import RATES
from vestibule.visits.model import Identifier, PersonRole, PersonState

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)  # ten in the morning in Chicago
MINUTE = timedelta(minutes=1)


@dataclass
class Place:
    """A visit with a link into it."""

    world: World
    clock: FrozenClock
    visit: VisitId
    link: UUID
    code: str

    async def change(self, what: str, **more: Any) -> None:
        async with self.world.db.tenant(self.world.tenant) as tx:
            await getattr(self.world.visits, what)(tx, self.visit, **more)


async def place(here: World, clock: FrozenClock, *, starts_in: int | None = 0, role: PersonRole = PersonRole.PATIENT) -> Place:
    starts = None if starts_in is None else clock.now() + starts_in * MINUTE
    async with here.db.tenant(here.tenant) as tx:
        visit, _ = await here.visits.open_or_join(
            tx,
            connection=here.connection.id,
            identifiers=[Identifier(here.connection.id, "csn", secrets.token_hex(4))],
            role=PersonRole.PROVIDER,
            person="19",
            person_type="user",
            name="Rosa Okafor, MD",
            department=here.department.id,
            starts_at=starts,
        )
        code = await here.visits.make_link(tx, visit.id, role=role, expires_at=clock.now() + 10 * 24 * 60 * MINUTE)
        (link,) = await here.visits.links.of_visit(tx, visit.id)
    return Place(here, clock, visit.id, link.id, code)


@pytest.fixture
async def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def here(db: Database, clock: FrozenClock) -> Any:
    async with world(db, clock=clock) as made:
        yield made


class TestStates:
    async def test_too_early_says_when_and_counts_down(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock, starts_in=120)
        page = await here.browser().ask(f"/j/{at.code}")
        assert page.status == 200
        assert "Your visit has not started yet" in page.text
        assert 'data-until="2026-03-02T17:30:00Z"' in page.text  # half an hour before
        assert 'data-now="2026-03-02T16:00:00Z"' in page.text
        assert "12:00\u00a0PM" in page.text
        assert "CST" in page.text
        assert "Alder Clinic" in page.text
        assert "<form" not in page.text

    async def test_ready_says_with_whom_and_offers_one_button(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock)
        page = await here.browser().ask(f"/j/{at.code}")
        assert "Your video visit is ready" in page.text
        assert "Alder Clinic" in page.text
        assert "Cardiology" in page.text
        assert page.text.count("<button") == 1
        assert "Okafor" not in page.text  # whoever holds the phone learns no names

    async def test_a_visit_without_appointment_is_ready(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock, starts_in=None)
        assert "Your video visit is ready" in (await here.browser().ask(f"/j/{at.code}")).text

    async def test_moved_says_the_new_time(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock)
        await at.change("reschedule", starts_at=NOW + timedelta(days=1))
        page = await here.browser().ask(f"/j/{at.code}")
        assert "Your visit has moved" in page.text
        assert "Tuesday, March 3" in page.text

    async def test_moved_to_a_time_about_now_says_so_and_lets_in(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock, starts_in=300)
        await at.change("reschedule", starts_at=NOW)
        page = await here.browser().ask(f"/j/{at.code}")
        assert "The time of this visit has changed" in page.text
        assert "<form" in page.text

    async def test_cancelled_ended_and_long_past_say_whom_to_call(self, here: World, clock: FrozenClock) -> None:
        cancelled, ended, past = await place(here, clock), await place(here, clock), await place(here, clock, starts_in=-600)
        await cancelled.change("cancel")
        await ended.change("end_for_all")
        for at, words in ((cancelled, "This visit was cancelled"), (ended, "This visit has ended"), (past, "This visit has ended")):
            page = await here.browser().ask(f"/j/{at.code}")
            assert page.status == 200
            assert words in page.text
            assert "tel:555-0134" in page.text
            assert "<form" not in page.text

    async def test_revoked_expired_and_unknown_look_alike_and_help(self, here: World, clock: FrozenClock) -> None:
        revoked, expired = await place(here, clock), await place(here, clock, starts_in=None)
        await revoked.change("revoke_link", link=revoked.link)
        clock.advance(11 * 24 * 3600)
        for code in (revoked.code, expired.code, secrets.token_urlsafe(18)):
            page = await here.browser().ask(f"/j/{code}")
            assert page.status == 404
            assert "This link does not lead to a visit" in page.text
            assert "tel:555-01" in page.text
            assert (await here.browser().ask(f"/j/{code}", "POST")).status == 404

    @pytest.mark.parametrize("code", ["a", "a" * 65, "%00", "..", "a'b" * 9, "%F0%9F%98%80" * 6, "A" * 24 + "%0a"])
    async def test_a_code_of_another_form_is_unknown(self, here: World, code: str) -> None:
        page = await here.browser().ask(f"/j/{code}")
        assert page.status == 404


class TestJoin:
    async def test_join_leads_to_the_lobby_as_the_links_own_person(self, here: World, clock: FrozenClock) -> None:
        for role, words in ((PersonRole.PATIENT, "lobby patient"), (PersonRole.FAMILY, "lobby guest"), (PersonRole.GUEST, "lobby guest")):
            at = await place(here, clock, role=role)
            browser = here.browser()
            sent = await browser.ask(f"/j/{at.code}", "POST")
            assert sent.status == 303
            lobby = await browser.ask(sent.location)
            assert lobby.text.startswith(words)

    async def test_pressing_join_twice_is_one_person(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock)
        for _ in range(2):
            await here.browser().ask(f"/j/{at.code}", "POST")
        async with here.db.tenant(here.tenant) as tx:
            visit = await here.visits.get(tx, at.visit)
        assert [p.role for p in visit.people].count(PersonRole.PATIENT) == 1

    async def test_the_patient_of_the_link_is_the_patient_of_the_clinicians_launch(self, db: Database) -> None:
        async with world(db) as here:
            await here.browser().follow(here.press())
            visit = await here.visit("csn", here.csn)
            async with here.db.tenant(here.tenant) as tx:
                code = await here.visits.make_link(tx, visit.id, role=PersonRole.PATIENT, expires_at=datetime.now(UTC) + MINUTE)
            assert (await here.browser().ask(f"/j/{code}", "POST")).status == 303
            assert len((await here.visit("csn", here.csn)).people) == 2

    @pytest.mark.parametrize("starts_in", [120, -600])
    async def test_join_outside_the_window_shows_the_page_that_says_why(self, here: World, clock: FrozenClock, starts_in: int) -> None:
        at = await place(here, clock, starts_in=starts_in)
        page = await here.browser().ask(f"/j/{at.code}", "POST")
        assert page.status == 200
        assert "Set-Cookie" not in page.headers

    async def test_another_sites_form_cannot_press_join(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock)
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await here.browser().ask(f"/j/{at.code}", "POST", headers=headers)).status == 403

    async def test_looking_changes_nothing_however_often(self, here: World, clock: FrozenClock, owner: asyncpg.Connection) -> None:
        at = await place(here, clock)

        async def state() -> tuple[int, ...]:
            tables = ("visit_events", "participants", "sessions", "visit_links", "effects")
            return tuple([await owner.fetchval(f"select count(*) from {table}") for table in tables])

        before = await state()
        for method in ("GET", "HEAD", "GET"):
            await here.browser().ask(f"/j/{at.code}", method)
        assert await state() == before
        async with here.db.tenant(here.tenant) as tx:
            visit = await here.visits.get(tx, at.visit)
        assert {p.state for p in visit.people} == {PersonState.EXPECTED}


class TestGuessing:
    async def test_a_code_has_128_bits_or_more_and_only_its_hash_is_kept(
        self, here: World, clock: FrozenClock, owner: asyncpg.Connection
    ) -> None:
        at = await place(here, clock)
        assert len(at.code) * 6 >= 128
        assert await owner.fetchval("select code_hash from visit_links") == fingerprint(at.code)
        for table in ("visit_links", "visit_events", "visits"):
            rows = await owner.fetch(f"select {table}::text from {table}")
            assert not any(at.code in row[0] for row in rows)

    async def test_a_hundred_thousand_guesses_find_nothing(self, here: World, clock: FrozenClock) -> None:
        at = await place(here, clock)
        guesses = [fingerprint(secrets.token_urlsafe(18)) for _ in range(100_000)]
        sql = "select count(*) from unnest($1::bytea[]) as guess where whose_link(guess) is not null"
        async with here.db.anyone() as tx:
            assert await tx.fetchval(sql, guesses) == 0
            assert await tx.fetchval(sql, [*guesses[:10], fingerprint(at.code)]) == 1  # the question can be answered with yes

    async def test_whoever_guesses_is_slowed_down_soon_and_others_are_not(self, db: Database) -> None:
        async with world(db, rates=RATES) as here:
            statuses = []
            while 429 not in statuses and len(statuses) < 200:
                answers = [here.browser().ask(f"/j/{secrets.token_urlsafe(18)}") for _ in range(10)]
                statuses += [page.status for page in await asyncio.gather(*answers)]
            assert 429 in statuses
            assert statuses.index(429) < 60


async def test_the_first_page_of_a_patient_is_small_and_loads_from_nobody_else(here: World, clock: FrozenClock) -> None:
    at = await place(here, clock)
    page = await here.browser().ask(f"/j/{at.code}")
    addresses = set(re.findall(r'(?:src|href)="([^"#]+)"', page.text))
    parts = [a for a in addresses if a.startswith("/assets/")]
    assert parts
    assert all(a.startswith(("/", "tel:")) for a in addresses)
    sizes = [len(gzip.compress((await here.browser().ask(a)).text.encode())) for a in parts]
    assert len(gzip.compress(page.text.encode())) + sum(sizes) < 60_000
