"""A house whose organisation meets in Teams, the practice Microsoft beside it, and clinicians who sign in there once."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp

from practice.microsoft.seed import ALDER, BIRCH, accounts
from practice.server import Running
from practice.server import start as start_hospital
from support.house import Guest, House, house
from support.launching import Browser, Page
from support.ports import free_port
from support.signing_in import pick
from vestibule.meetings.keys import KeyPurpose
from vestibule.meetings.model import Binding, ProofKind
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import MeetingKind, PersonRole

CLIENT: Final = "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02"
SECRET: Final = "a-secret-for-show"
PERMISSIONS: Final = [
    "OnlineMeetings.Read.All",
    "OnlineMeetings.ReadWrite.All",
    "OnlineMeetingArtifact.Read.All",
    "VirtualAppointment.Read.All",
    "CallRecords.Read.All",
    "User.Read.All",
]
ROSA, DEVIKA, TOMAS, PIOTR, SAM = (
    next(one for one in accounts() if one.name.startswith(name)) for name in ("Rosa", "Devika", "Tom", "Piotr", "Sam")
)
_VISITS = count(5000)


@dataclass
class Clinic:
    """The house, the practice Microsoft, and browsers."""

    house: House
    hospital: Running
    session: aiohttp.ClientSession

    @property
    def microsoft(self) -> str:
        return self.hospital.hospital.at.microsoft

    def browser(self) -> Browser:
        """Somebody's browser, with nothing in it."""
        return Browser(self.session, self.house.origin)

    async def clinician(self, person: str = "", **more: Any) -> tuple[Guest, Browser]:
        """Somebody who launched into a visit of their own, and their browser; each is somebody else unless named."""
        csn = str(next(_VISITS))
        guest = await self.house.come(PersonRole.PROVIDER, f"Dr. {csn}", csn=csn, person=person or f"EHR-{csn}", **more)
        return guest, self.at(guest)

    def at(self, guest: Guest) -> Browser:
        """A browser that has the session of somebody."""
        browser = self.browser()
        browser.jar[guest.cookie.name, guest.cookie.path] = guest.cookie.value
        return browser

    async def to_microsoft(self, guest: Guest, browser: Browser) -> Page:
        """Press the button; the page on which one picks an account."""
        page = await browser.follow(f"{guest.base}/microsoft/start")
        assert page.status == 200, f"{page.url}: {page.status} {page.text[:600]}"
        return page

    async def sign_in(self, guest: Guest, browser: Browser, oid: str) -> Page:
        """All the way, to the page at the end."""
        return await browser.follow(await pick(browser, await self.to_microsoft(guest, browser), oid))

    async def bound(self, guest: Guest) -> str:
        """Who somebody is at Microsoft, as far as we know."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            visit = await parts.visits.get(tx, guest.visit)
            person = visit.person(guest.participant.id)
            assert person is not None
            return await parts.meetings.bindings.object_id(tx, visit.connection, person)

    async def bindings(self) -> list[Binding]:
        """Everybody's."""
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            return [one for _, one in (await self.house.parts.meetings.bindings.listing(tx, limit=200)).items]

    async def audited(self, guest: Guest) -> list[tuple[str, str, str]]:
        """What the audit tells of one session's sign-ins: action, outcome, code."""
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            rows = await tx.fetch(
                "select action, outcome, coalesce(detail->>'code', '') as code from audit_entries "
                "where actor_session = $1 and action like 'meeting.%' order by seq",
                str(guest.opened.principal.session),
            )
        return [(row["action"], row["outcome"], row["code"]) for row in rows]

    async def connect(self, **changes: Any) -> None:
        """The administrator enters something."""
        settings = self.house.parts.meetings.settings
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            revision = (await settings.get(tx)).revision
            await settings.save(tx, changes, revision=revision, by=SYSTEM)

    async def by_certificate(self) -> None:
        """The application proves itself by a certificate from now on, which is uploaded."""
        parts = self.house.parts
        pair = await parts.meetings.keys.ensure(parts.db, self.house.tenant, KeyPurpose.APP)
        self.register(secret="", certificates=[base64.b64encode(pair.certificate).decode()])
        await self.connect(proof=ProofKind.CERTIFICATE)

    def register(self, **changes: Any) -> None:
        """The application at Microsoft, with some of it changed."""
        app = {
            "client_id": CLIENT,
            "name": "Vestibule meetings",
            "secret": SECRET,
            "secret_expired": False,
            "certificates": [],
            "redirect_uris": [f"{self.house.origin}/meetings/teams/callback"],
            "audience": "AzureADMyOrg",
            "home": ALDER,
            "permissions": PERMISSIONS,
            "consented": [ALDER],
        }
        self.hospital.setup(sign_in_apps=[{**app, **changes}])

    def policy(self, **changes: Any) -> None:
        """Whose meetings the application may make: everybody's, unless changed."""
        self.hospital.setup(
            access_policies=[{"name": "visits", "tid": ALDER, "app_ids": [CLIENT], "everyone": True, "granted_to": [], **changes}]
        )


@asynccontextmanager
async def clinic(db_url: str, data: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[Clinic]:
    """Both, on real sockets, introduced to each other."""
    port, hospital = free_port(), await start_hospital()
    own = {
        "VESTIBULE_ENTRA_AUTHORITY": f"{hospital.hospital.at.microsoft}/organizations/v2.0",
        "VESTIBULE_GRAPH_URL": f"{hospital.hospital.at.base}/graph",
    }
    try:
        async with house(db_url, data, port=port, more={**own, **(more or {})}) as one, aiohttp.ClientSession() as session:
            here = Clinic(one, hospital, session)
            here.register()
            here.policy()
            await here.connect(directory=ALDER, client_id=CLIENT, proof=ProofKind.SECRET, secret=SECRET, kind=MeetingKind.TEAMS)
            yield here
    finally:
        await hospital.stop()


__all__ = ["ALDER", "BIRCH", "CLIENT", "DEVIKA", "PIOTR", "ROSA", "SAM", "SECRET", "TOMAS", "Clinic", "clinic"]
