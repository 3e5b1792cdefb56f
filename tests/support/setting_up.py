"""People who set a connection up against the practice hospital by the portal's own forms, and approve it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID

import aiohttp

from practice.seed import PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from support.house import House, Staff
from support.launching import Browser, Page
from vestibule.kit.ids import ConnectionId
from vestibule.tenancy.model import Version


@dataclass
class Setup:
    """A connection on its way through the portal."""

    h: House
    hospital: Running
    admin: Staff
    approver: Staff
    connection: str = ""

    def address(self, **changes: Any) -> dict[str, str]:
        """What an administrator types on the first step."""
        return {"name": "Eastmere, test", "iss": self.hospital.fhir, "environment": "test", "vendor": "", **changes}

    async def start(self, **changes: Any) -> str:
        """The first step; its connection's id."""
        status, to = await self.admin.post_form("connections/new", self.address(**changes))
        assert status == 303, to
        self.connection = to.split("/")[4]
        self.register()
        return to

    def register(self) -> None:
        """The hospital's own team does what step 2 tells them."""
        jwks = f"{self.h.origin}/connections/{self.connection}/jwks.json"
        back = [f"{self.h.origin}/launch/callback", f"{self.h.origin}/setup/callback"]
        self.hospital.setup(apps=[{"client_id": one, "jwks_url": jwks, "redirect_uris": back} for one in (PROVIDER_CLIENT, PATIENT_CLIENT)])

    async def form(self, who: Staff, path: str) -> dict[str, str]:
        """A page's form as a browser would send it untouched: hidden, typed and chosen values of its main form."""
        status, text = await who.get(path, Accept="text/html")
        assert status == 200, text
        return fields(text)

    async def keys(self, who: Staff | None = None, **changes: str) -> tuple[int, str]:
        """The second step."""
        who = who or self.admin
        typed = await self.form(who, f"connections/{self.connection}/keys")
        return await who.post_form(
            f"connections/{self.connection}/keys",
            typed | {"provider_client_id": PROVIDER_CLIENT, "patient_client_id": PATIENT_CLIENT, **changes},
        )

    async def submit(self, **changes: str) -> tuple[int, str]:
        """The fourth step."""
        version = await self.newest()
        typed = {"approver": str(self.approver.member.id), "revision": str(version.revision), "go": "submit", **changes}
        return await self.admin.post_form(f"connections/{self.connection}/approval", typed)

    async def awaiting(self) -> Version:
        """All steps up to the approver."""
        await self.start()
        await self.keys()
        assert (await self.submit())[0] == 303
        return await self.newest()

    async def newest(self) -> Version:
        async with self.h.parts.db.tenant(self.h.tenant) as tx:
            return await self.h.parts.approvals.newest(tx, ConnectionId(self._id()))

    async def in_force(self) -> Version | None:
        async with self.h.parts.db.tenant(self.h.tenant) as tx:
            return await self.h.parts.approvals.in_force(tx, ConnectionId(self._id()))

    def _id(self) -> Any:
        return UUID(self.connection)

    async def approve(self, who: Staff | None = None, **changes: str) -> tuple[int, str]:
        version, who = await self.newest(), who or self.approver
        said = {"version": str(version.number), "revision": str(version.revision), **changes}
        return await who.post_form(f"approvals/{self.connection}/approve", said)


def browser_of(http: aiohttp.ClientSession, who: Staff) -> Browser:
    """A browser in which somebody is signed in."""
    made = Browser(http, who.house.origin)
    made.jar[who.cookie.name, who.cookie.path] = who.cookie.value
    return made


async def at_the_record(browser: Browser, setup: Setup, who: Staff) -> Page:
    """Press the button: the hospital's own sign-in page, or whatever came instead."""
    left = await browser.ask(f"{who.base}/connections/{setup.connection}/ehr-sign-in", headers={"Sec-Fetch-Site": "same-origin"})
    return await browser.ask(left.location) if left.status == 303 else left


async def signed_in(browser: Browser, setup: Setup, page: Page, user: str) -> Page:
    """Sign in there as somebody; what the record answers."""
    key = page.text.partition('name="key" value="')[2].partition('"')[0]
    return await browser.ask(f"{setup.hospital.hospital.at.authorize}/sign-in", "POST", data={"key": key, "who": user})


async def prove(http: aiohttp.ClientSession, setup: Setup, who: Staff, user: str = "") -> Page:
    """To the record and back: the approval's page, or the error's."""
    browser = browser_of(http, who)
    page = await at_the_record(browser, setup, who)
    user = user or f"Practitioner/{setup.hospital.hospital.book.practitioners[0].id}"
    back = await signed_in(browser, setup, page, user)
    return await browser.follow(back.location)


def fields(text: str) -> dict[str, str]:
    """The values of a page's controls, as HTML would send them."""
    found: dict[str, str] = {}
    form = max(re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL), key=len)
    for tag in re.findall(r"<input[^>]*>", form):
        at = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if at.get("name") and (at.get("type") != "checkbox" or " checked" in tag):
            found[at["name"]] = unescape(at.get("value", ""))
    for name, inner in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        found[name] = unescape(inner)
    for name, inner in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inner) or re.search(r'value="([^"]*)"', inner)
        found[name] = unescape(chosen[1]) if chosen else ""
    return found
