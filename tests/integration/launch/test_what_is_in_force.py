"""Launches meet connections that wait, change, move, are shared, or are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from support.approving import Office, content
from support.launching import Page, World, code_of
from vestibule.kit.ids import ConnectionId, MemberId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Listener
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Connection, Content, Environment, Version, content_of
from vestibule.tenancy.service import CHANNEL


@pytest.fixture
def office(here: World) -> Office:
    """Approvals over the very register that the launches read."""
    office = Office()
    office.tenancy = here.tenancy
    office.approvals = Approvals(office.clock, here.tenancy, office.audit, may_approve=office.may_approve, loopback_http=True)
    return office


@pytest.fixture
async def listening(here: World, db_url: str) -> AsyncIterator[asyncio.Event]:
    """The launches hear of what changes; the event says that they have."""
    told = asyncio.Event()
    listener = Listener(db_url)
    here.launches.finder.listen(listener)
    listener.subscribe(CHANNEL, lambda _: told.set())
    await listener.start()
    told.clear()
    yield told
    await listener.stop()


async def pressed(here: World, *, connection: ConnectionId | None = None) -> Page:
    return await here.browser().follow(here.press() + (f"&connection={connection}" if connection else ""))


async def changed(here: World, office: Office, approver: MemberId, wanted: Content) -> Version:
    """A version of the hospital's connection that waits for its approver."""
    async with here.db.tenant(here.tenant) as tx:
        newest = await office.approvals.newest(tx, here.connection.id)
        draft = await office.approvals.save(tx, here.connection.id, wanted, revision=newest.revision, by=SYSTEM)
        return await office.approvals.submit(tx, here.connection.id, revision=draft.revision, by=SYSTEM)


async def removed(here: World, office: Office) -> None:
    async with here.db.tenant(here.tenant) as tx:
        newest = await office.approvals.newest(tx, here.connection.id)
        await office.approvals.remove(tx, here.connection.id, revision=newest.revision, by=SYSTEM)
    here.launches.finder.forget()


class TestWaiting:
    async def test_a_record_that_waits_for_approval_is_told_so(self, here: World, office: Office) -> None:
        await removed(here, office)
        other = TenantId(new_id())
        approver = office.approver()
        async with here.db.tenant(other) as tx:
            await here.tenancy.add_tenant(tx, name="Birch Clinic")
            usual = content_of(here.connection, approver=approver)
            asked = await office.submitted(tx, usual)
        for page in (await pressed(here), await pressed(here, connection=asked.connection)):
            assert (page.status, code_of(page)) == (409, "launch-not-approved")
            assert "waits for approval" in page.text
        async with here.db.tenant(other) as tx:
            await office.approve(tx, asked, approver)
        assert "/oauth2/authorize?" in (await here.browser().ask(here.press())).location

    async def test_the_public_keys_of_a_draft_are_there_to_fetch(self, here: World, office: Office) -> None:
        async with here.db.tenant(here.tenant) as tx:
            draft = await office.approvals.start(tx, content(), by=SYSTEM)
        page = await here.browser().ask(f"/connections/{draft.connection}/jwks.json")
        assert page.status == 200
        assert page.text.count('"kid"') == 2

    async def test_a_change_that_waits_changes_nothing_yet(self, here: World, office: Office) -> None:
        approver = office.approver()
        now = content_of(here.connection, approver=approver)
        asked = await changed(here, office, approver, replace(now, provider_client_id="no-such-client"))
        assert "Amy Shaw" in (await pressed(here)).text
        async with here.db.tenant(here.tenant) as tx:
            await office.approve(tx, asked, approver)
        here.launches.finder.forget()
        assert "client_id=no-such-client" in (await here.browser().ask(here.press())).location

    async def test_where_the_process_listens_an_approval_counts_at_once(
        self, here: World, office: Office, listening: asyncio.Event
    ) -> None:
        approver = office.approver()
        now = content_of(here.connection, approver=approver)
        assert "Amy Shaw" in (await pressed(here)).text  # it is remembered from here on
        asked = await changed(here, office, approver, replace(now, provider_client_id="next-client"))
        async with here.db.tenant(here.tenant) as tx:
            await office.approve(tx, asked, approver)
        await asyncio.wait_for(listening.wait(), 20)
        assert "client_id=next-client" in (await here.browser().ask(here.press())).location


class TestRemoved:
    async def test_a_removed_connection_takes_no_launch(self, here: World, office: Office) -> None:
        await removed(here, office)
        assert code_of(await pressed(here)) == "launch-unknown-iss"
        assert code_of(await pressed(here, connection=here.connection.id)) == "launch-unknown-iss"

    async def test_nor_does_it_bring_home_whoever_was_on_the_way(self, here: World, office: Office) -> None:
        browser = here.browser()
        at_the_record = await browser.ask(here.press())
        await removed(here, office)
        assert code_of(await browser.follow(at_the_record.location)) == "launch-not-approved"


class TestTheWrongButton:
    async def other(self, here: World, environment: Environment) -> Connection:
        """Another connection of the organisation."""
        async with here.db.tenant(here.tenant) as tx:
            elsewhere = replace(
                here.connection, id=ConnectionId(new_id()), name="Other", environment=environment, iss="https://other.example/fhir"
            )
            return await here.tenancy.add_connection(tx, elsewhere)

    async def test_its_sentence_names_both_environments(self, here: World) -> None:
        page = await pressed(here, connection=(await self.other(here, Environment.PRODUCTION)).id)
        assert (page.status, code_of(page)) == (409, "launch-wrong-environment")
        assert "pressed in the test environment of the record, but its launch address belongs to production" in page.text

    async def test_the_other_way_round_too(self, here: World) -> None:
        async with here.db.tenant(here.tenant) as tx:
            await here.tenancy.add_connection(tx, replace(here.connection, environment=Environment.PRODUCTION))
        page = await pressed(here, connection=(await self.other(here, Environment.TEST)).id)
        assert "pressed in the production environment of the record, but its launch address belongs to the test environment" in page.text

    async def test_of_one_environment_it_names_the_connection_as_the_mistake(self, here: World) -> None:
        page = await pressed(here, connection=(await self.other(here, Environment.TEST)).id)
        assert code_of(page) == "launch-wrong-environment"
        assert "names another connection" in page.text
