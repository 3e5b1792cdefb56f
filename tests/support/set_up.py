"""Setting up an organisation, step by step, as its people do it in a browser: shared by the journey and by `make tour`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page, expect

from vestibule.demo import Demo

Seen = Callable[[Page, str, str], Awaitable[None]]
CLIENTS = {"clinicians": "eastmere-clinicians", "patients": "eastmere-patients", "the back end": "eastmere-background"}


async def unseen(_page: Page, _name: str, _says: str) -> None:
    """Take no picture."""


@dataclass
class Portal:
    """Somebody of the organisation at the portal, by clicking alone."""

    page: Page
    seen: Seen = unseen

    async def come_in(self, link: str, who: str) -> None:
        """Follow an invitation and sign in at the hospital's Microsoft-like sign-in."""
        await self.page.goto(link)
        await self.seen(self.page, "invitation", "A one-time invitation.")
        await self.page.get_by_role("link", name="Sign in with Microsoft").click()
        await self.seen(self.page, "sign-in", "The work account.")
        await self.page.get_by_text(who).click()
        await expect(self.page.get_by_role("heading", name="Home", level=1)).to_be_visible()

    async def sign_in(self, origin: str, who: str) -> None:
        """Somebody who is a member already."""
        await self.page.goto(f"{origin}/sign-in")
        await self.page.get_by_role("link", name="Sign in with Microsoft").click()
        await self.page.get_by_text(who).first.click()
        await expect(self.page.get_by_role("heading", name="Home", level=1)).to_be_visible()

    async def menu(self, name: str) -> None:
        """Open a page from the menu."""
        await self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(name)

    async def add_department(self, name: str, zone: str, external: str) -> None:
        await self.menu("Departments")
        await self.page.get_by_role("link", name="Add a department").first.click()
        await self.page.get_by_label("Name", exact=True).fill(name)
        await self.page.get_by_label("Time zone").fill(zone)
        await self.page.get_by_label("Name in the record").fill(external)
        await self.page.get_by_role("button", name="Save").click()
        await expect(self.page.get_by_role("link", name=name)).to_be_visible()

    async def invite(self, email: str, role: str) -> str:
        """The link for somebody else."""
        await self.menu("People")
        await self.page.get_by_role("link", name="Invite somebody").click()
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label(role, exact=True).check()
        await self.page.get_by_role("button", name="Make the link").click()
        link = await self.page.get_by_label("Link", exact=True).input_value()
        await self.seen(self.page, "invited", "The link for the approver, shown once.")
        return link

    async def begin_connection(self, name: str, environment: str, iss: str) -> str:
        """The first step; gives the address of our keys, which the second shows."""
        await self.menu("Connections")
        await self.page.get_by_role("link", name="connection").last.click()
        await self.page.get_by_label("FHIR base URL").fill(iss)
        await self.page.get_by_label("Name", exact=True).fill(name)
        await self.page.get_by_label("Environment").select_option(environment)
        await self.seen(self.page, f"address-{environment}", "The FHIR base URL, and which environment it is.")
        await self.page.get_by_role("button", name="Look and continue").click()
        await expect(self.page.get_by_text("Found at the address: Epic, FHIR R4.")).to_be_visible()
        await self.seen(self.page, f"keys-{environment}", "What to register at the record.")
        return await self.page.get_by_label("Address of our public keys (JWKS)").input_value()

    async def enter_clients(self, frame: str) -> None:
        """The second step, and the third: the doctor finds nothing that stops."""
        for who, client in CLIENTS.items():
            await self.page.get_by_label(f"Client id for {who}").fill(client)
        await self.page.get_by_label("May show our pages in a frame").fill(frame)
        await self.page.get_by_role("button", name="Save and continue").click()
        await self.page.get_by_role("button", name="Check now").click()
        await expect(self.page.get_by_text("The record gave the back end a token")).to_be_visible()
        await expect(self.page.get_by_text("Stops", exact=True)).to_have_count(0)
        await self.seen(self.page, "check", "The doctor has looked at everything.")

    async def submit(self, approver: str) -> None:
        """The fourth step."""
        await self.page.get_by_role("link", name="Continue to approval").click()
        await self.page.get_by_label("Approver").select_option(label=approver)
        await self.page.get_by_role("button", name="Send to the approver").click()
        await expect(self.page.get_by_text("Awaiting approval").first).to_be_visible()

    async def approve(self, name: str) -> None:
        """What the approver does: look, sign in at the record, approve."""
        await self.menu("Approvals")
        await self.page.get_by_role("link", name=name).click()
        await self.seen(self.page, "approval", "Exactly what is to be approved.")
        await self.page.get_by_role("link", name="Sign in to the record").click()
        await self.page.get_by_role("button", name="Sign in and allow").click()
        await expect(self.page.get_by_role("button", name="Approve")).to_be_enabled()
        await self.seen(self.page, "approve", "Signed in to the record: approve or reject.")
        await self.page.get_by_role("button", name="Approve").click()
        await expect(self.page.get_by_role("heading", name="Integration records")).to_be_visible()
        await self.seen(self.page, "records", "What to copy into the record.")

    async def read_records(self) -> str:
        """The fifth step: the record pack as text, by its download button."""
        async with self.page.expect_download() as download:
            await self.page.get_by_role("link", name="Text").click()
        path = await (await download.value).path()
        return path.read_text(encoding="utf-8")

    async def check_records(self, held: str) -> None:
        """Paste back what the record holds: no differences."""
        await self.page.get_by_label("Which record").select_option(label="Provider launch")
        await self.page.get_by_role("textbox", name="What the record holds").fill(held)
        await self.page.get_by_role("button", name="Compare").click()
        await expect(self.page.get_by_text("No differences")).to_be_visible()
        await self.seen(self.page, "compared", "Pasted back and compared: the record holds what it was given.")


@dataclass
class RecordForm:
    """The EHR's own screens, at which the analyst registers apps and pastes records."""

    page: Page
    base: str
    seen: Seen = unseen

    async def register_apps(self, origin: str, jwks: str) -> None:
        for client in CLIENTS.values():
            await self.page.goto(f"{self.base}/records")
            await self.page.get_by_role("link", name="Register an app").click()
            await self.page.get_by_label("Client ID").fill(client)
            await self.page.get_by_label("Name", exact=True).fill(client.replace("-", " "))
            await self.page.get_by_label("Redirect URIs").fill(f"{origin}/launch/callback\n{origin}/setup/callback")
            await self.page.get_by_label("JWKS URL").fill(jwks)
            if "clinicians" in client:
                await self.page.get_by_label("May be opened without a launch").check()
            await self.page.get_by_role("button", name="Save").click()
            await expect(self.page.get_by_text(client, exact=True)).to_be_visible()

    async def paste(self, pack: str) -> str:
        """Paste the whole pack; gives what the record holds now, read out as text."""
        await self.page.goto(f"{self.base}/records")
        await self.page.get_by_label("The record pack as text").fill(pack)
        await self.page.get_by_role("button", name="Take the pack").click()
        await expect(self.page.get_by_text("/launch/provider?connection=").first).to_be_visible()
        await self.seen(self.page, "records-pasted", "The record's form holds what was pasted.")
        await self.page.get_by_role("link", name="Read out as text").click()
        return await self.page.inner_text("body")


async def set_up(demo: Demo, admin: Portal, approver: Portal, ehr: RecordForm, *, name: str, environment: str) -> None:
    """One connection from its address to the pasted records, checked."""
    jwks = await admin.begin_connection(name, environment, f"{ehr.base}/interconnect/api/FHIR/R4")
    await ehr.register_apps(demo.origin, jwks)
    await admin.enter_clients(ehr.base)
    await admin.submit("Noor Qureshi")
    await approver.approve(name)
    pack = await approver.read_records()
    held = await ehr.paste(pack)
    await approver.check_records(held)
