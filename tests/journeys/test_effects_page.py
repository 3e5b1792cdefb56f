"""The operator's page in a real browser: pictures on a telephone and a desk, axe, and the button that sends again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.effects import settled
from support.ports import free_port
from support.recorded import PATIENT, PROVIDER, Recorded, recorded
from support.serving import served
from support.waiting import until
from vestibule.identity.model import Role
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import SessionId
from vestibule.platform.db import Database
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.writeback import routes

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
HERE = Path(routes.__file__).parent


@pytest_asyncio.fixture(loop_scope="session")
async def r(db: Database) -> AsyncIterator[Recorded]:
    async with recorded(db) as made:
        yield made


async def a_day(r: Recorded) -> None:
    """Something of everything: told, failed, overtaken, waiting."""
    visit, people = await r.visit()
    async with r.working():
        await r.do("connected", visit, people[PROVIDER])
        await settled(r.here.db, r.here.tenant)
        r.here.hospital.setup(trouble={"status": {"mode": "forbid", "times": 2}})
        await r.do("connected", visit, people[PATIENT])
        await r.do("disconnected", visit, people[PATIENT])
        await settled(r.here.db, r.here.tenant)
    await r.do("disconnected", visit, people[PROVIDER])


def app(r: Recorded, identity: Identity, own: str) -> Any:
    async def prove(sid: Any, cookie: str | None) -> Proof:
        return await identity.proof(r.here.db, SessionId(sid), cookie)

    config = WebConfig(origin=own, prove=prove, templates=[HERE / "templates"], assets={"writeback": HERE / "assets"})
    services = {"db": r.here.db, "clock": SystemClock(), "writeback": r.writeback, "tenancy": r.here.tenancy}
    return build_app(routes=routes.ROUTES, services=services, config=config)


async def opened(r: Recorded, identity: Identity) -> OpenedSession:
    async with r.here.db.tenant(r.here.tenant) as tx:
        return await identity.open_session(tx, role=Role.OPERATOR)


async def sign_in(page: Page, own: str, session: OpenedSession) -> None:
    sid = session.principal.session
    await page.context.add_cookies([{"name": session.cookie.name, "value": session.cookie.value, "url": f"{own}/s/{sid}/"}])
    await page.goto(f"{own}/s/{sid}/effects")


async def test_the_page_looks_and_reads_well_and_sends_again(browser: Browser, r: Recorded) -> None:
    await a_day(r)
    identity, port = Identity(SystemClock()), free_port()
    own = f"http://127.0.0.1:{port}"
    async with served(app(r, identity, own), port=port):
        session = await opened(r, identity)
        for phone, dark in ((True, False), (True, True), (False, False)):
            async with person(browser, phone=phone, dark=dark) as page:
                await sign_in(page, own, session)
                await expect(page.get_by_text("1 message needs your attention")).to_be_visible()
                await page.get_by_text("What was tried").first.click()
                assert await violations(page) == []
                assert page.mistakes == []  # type: ignore[attr-defined]
                assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
                if str(SHOTS) != ".":
                    await shoot(page, SHOTS / f"effects-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}.png")
        async with person(browser) as page, r.working():
            await sign_in(page, own, session)
            await page.get_by_role("link", name="Needs attention").click()
            await page.get_by_role("button", name="Send again").click()
            await until(lambda: ("2", False) in r.told())
            await settled(r.here.db, r.here.tenant)
            await page.goto(page.url)
            await expect(page.get_by_text("Nothing needs your attention.")).to_be_visible()
