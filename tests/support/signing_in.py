"""A house with a Microsoft-like sign-in beside it, and people with browsers who go from one to the other."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from practice.microsoft.seed import accounts
from practice.server import Running
from practice.server import start as start_hospital
from support.house import House, house
from support.launching import Browser, Page
from support.ports import free_port
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM

CLIENT = "vestibule-staff"
SECRET = "for-show"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INGRID, DEVIKA, ROSA, TOMAS, SAM = (
    next(one for one in accounts() if one.name.startswith(name)) for name in ("Ingrid", "Devika", "Rosa", "Tom", "Sam")
)


@dataclass
class Door:
    """The house, and the hospital whose accounts sign in to it."""

    house: House
    hospital: Running
    session: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return self.house.origin

    def browser(self) -> Browser:
        """Somebody's browser, with nothing in it."""
        return Browser(self.session, self.origin)

    async def invite(self, email: str = "", *roles: StaffRole, tenant: TenantId | None = None) -> str:
        """The path of an invitation."""
        async with self.house.parts.db.tenant(tenant or self.house.tenant) as tx:
            wanted = roles or (StaffRole.ADMINISTRATOR,)
            invited = await self.house.parts.members.invite(tx, email=email, roles=wanted, by=SYSTEM)
        return f"/invitation/{invited.code}"

    async def audited(self, *, tenant: TenantId | None = None) -> list[str]:
        """What the organisation's audit tells of, oldest first."""
        async with self.house.parts.db.tenant(tenant or self.house.tenant) as tx:
            return [row["action"] for row in await tx.fetch("select action from audit_entries order by seq")]


async def to_microsoft(browser: Browser, start: str) -> Page:
    """Press the button; the page on which one picks an account."""
    page = await browser.follow(start)
    assert page.status == 200, f"{page.url}: {page.status} {page.text[:800]}"
    return page


async def pick(browser: Browser, page: Page, oid: str) -> str:
    """Pick an account; where the browser is sent with the answer."""
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    assert key, page.text[:500]
    origin = page.url.partition("/microsoft/")[0]
    body = urlencode({"key": key[1], "account": oid})
    answer = await browser.ask(f"{origin}/microsoft/sign-in", "POST", data=body, headers={**FORM, "Origin": origin})
    assert answer.status == 302, answer.text[:500]
    return answer.location


async def sign_in(browser: Browser, oid: str, *, start: str = "/sign-in/start?provider=entra") -> Page:
    """All the way, to the last page."""
    return await browser.follow(await pick(browser, await to_microsoft(browser, start), oid))


async def accept(browser: Browser, invitation: str, oid: str) -> Page:
    """Open an invitation, press its button, sign in."""
    page = await browser.ask(invitation)
    assert page.status == 200, page.text[:500]
    button = re.search(r'href="(/sign-in/start\?[^"]+)"', page.text)
    assert button
    return await sign_in(browser, oid, start=button[1].replace("&amp;", "&"))


async def press(browser: Browser, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Page:
    """Send a form."""
    return await browser.ask(path, "POST", data=urlencode(fields or {}), headers={**FORM, **headers})


@asynccontextmanager
async def door(db_url: str, data: Path, more: Mapping[str, str] | None = None, uris: Collection[str] = ()) -> AsyncIterator[Door]:
    """Both, on real sockets, introduced to each other."""
    port = free_port()
    hospital = await start_hospital()
    redirect = [f"http://127.0.0.1:{port}/sign-in/callback", *uris]
    hospital.setup(sign_in_apps=[{"client_id": CLIENT, "name": "Vestibule", "secret": SECRET, "redirect_uris": redirect}])
    own = {
        "VESTIBULE_ENTRA_CLIENT_ID": CLIENT,
        "VESTIBULE_ENTRA_CLIENT_SECRET": SECRET,
        "VESTIBULE_ENTRA_AUTHORITY": f"{hospital.hospital.at.microsoft}/organizations/v2.0",
    }
    try:
        async with house(db_url, data, port=port, more={**own, **(more or {})}) as one, aiohttp.ClientSession() as session:
            yield Door(one, hospital, session)
    finally:
        await hospital.stop()


def sid_of(page: Any) -> str:
    """The session a page belongs to."""
    found = re.search(r"/s/([0-9a-f-]{36})/", page if isinstance(page, str) else page.url)
    assert found, page
    return found[1]
