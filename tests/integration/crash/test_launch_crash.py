"""Kill -9 of the web anywhere in a launch: the person presses the button once more and lands in the same visit."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from practice.seed import PROVIDER_CLIENT
from practice.server import Running, start
from support.crash import Program, running, seeds
from support.launching import Browser
from support.ports import free_port
from vestibule.connections import ConnectionsFile, Described, Organisation, apply_described
from vestibule.settings import Settings, as_environment, load
from vestibule.tenancy.model import Environment, Vendor
from vestibule.wiring import open_parts

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Program]:
    """A web process that listens."""
    async with running(["-m", "vestibule", "serve"], env=as_environment(settings)) as program:
        await program.said('"event":"listening"')
        yield program


async def introduce(settings: Settings, hospital: Running) -> None:
    """Register the two with each other."""
    described = Described("Practice", Vendor.EPIC, Environment.TEST, hospital.fhir, provider_client_id=PROVIDER_CLIENT)
    async with open_parts(settings, settings.database_url) as parts:
        said = await apply_described(parts, ConnectionsFile(Organisation("Alder Clinic"), [], [described]))
    jwks = f"{settings.origin}/connections/{said[-1].rsplit(' ', 1)[1]}/jwks.json"
    callback = f"{settings.origin}/launch/callback"
    hospital.setup(
        apps=[{"client_id": PROVIDER_CLIENT, "auth": "private_key_jwt", "jwks_url": jwks, "redirect_uris": [callback]}],
        launches=[{"key": "provider", "url": f"{settings.origin}/launch/provider"}],
    )


async def come_in(browser: Browser, hospital: Running, csn: str) -> str:
    """Press the button in the record, say yes to whom it is; where one lands."""
    page = await browser.follow(hospital.launch("provider", csn))
    assert page.status == 200, page.text[:300]
    assert page.url.endswith("/confirm"), page.url
    landed = await browser.ask(page.url, "POST")
    assert landed.status == 303, landed.text[:300]
    return landed.location


async def killed_on_the_way(program: Program, dice: random.Random, browser: Browser, hospital: Running, csn: str) -> None:
    """Somebody comes in while the process is killed; whatever their browser shows then does not matter."""
    walk = asyncio.create_task(come_in(browser, hospital, csn))
    await asyncio.sleep(dice.uniform(0, 0.35))
    program.kill()
    with contextlib.suppress(aiohttp.ClientError, AssertionError, OSError):
        await walk


@pytest.mark.parametrize("seed", seeds())
async def test_a_launch_that_was_killed_is_repeated_once_and_leads_into_the_same_visit(
    seed: int, db_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    port = free_port()
    environ = {"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path), "VESTIBULE_PORT": str(port), "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes"}
    settings = load(environ)
    hospital = await start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            await introduce(settings, hospital)
            csn = next(a.csn for a in hospital.hospital.book.appointments if a.reason == "Follow-up, atrial fibrillation")
            browser = Browser(session, settings.origin, framed=True)
            async with serving(settings) as program:
                await killed_on_the_way(program, dice, browser, hospital, csn)
            async with serving(settings):
                landed = await come_in(browser, hospital, csn)
                assert landed.endswith("/console")
        finally:
            await hospital.stop()
    await judge(owner, csn)


async def judge(owner: asyncpg.Connection, csn: str) -> None:
    """One visit, one clinician in it, and an event list without a gap."""
    visits = await owner.fetch("select visit_id from visit_identifiers where value = $1", csn)
    assert len(visits) == 1
    assert await owner.fetchval("select count(*) from visits where state <> 'cancelled'") == 1
    assert await owner.fetchval("select count(*) from participants where role = 'provider'") == 1
    seqs = [row["seq"] for row in await owner.fetch("select seq from visit_events where visit_id = $1 order by seq", visits[0]["visit_id"])]
    assert seqs == list(range(1, len(seqs) + 1))
