"""The pages of what is handed over, over sockets: what is shown to whom, what is compared, what is never kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from support.house import House, Staff, house
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.records.downloads import as_text
from vestibule.records.kinds import pack
from vestibule.tenancy.model import Connection, Content, Environment, Vendor
from vestibule.visits.model import PersonRole

READERS = [StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER]
CLIENTS = {"provider_client_id": "p-1", "patient_client_id": "p-2", "backend_client_id": "p-3"}


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        made.connection = replace(made.connection, **CLIENTS)  # type: ignore[arg-type]
        async with made.parts.db.tenant(made.tenant) as tx:
            await made.parts.tenancy.add_connection(tx, made.connection)
        yield made


async def another(here: House, name: str = "Production", tenant: TenantId | None = None, **changes: object) -> Connection:
    tenant = tenant or here.tenant
    made = replace(
        here.connection,
        id=ConnectionId(new_id()),
        tenant=tenant,
        name=name,
        environment=Environment.PRODUCTION,
        iss=f"https://ehr.example/{new_id()}",
        **changes,  # type: ignore[arg-type]
    )
    async with here.parts.db.tenant(tenant) as tx:
        await here.parts.tenancy.add_connection(tx, made)
    return made


async def draft(here: House) -> ConnectionId:
    """A connection that nobody has approved."""
    admin = await here.staff({StaffRole.ADMINISTRATOR})
    content = Content("Draft", Vendor.EPIC, Environment.TEST, "https://draft.example/api/FHIR/R4", **CLIENTS)  # type: ignore[arg-type]
    async with here.parts.db.tenant(here.tenant) as tx:
        from vestibule.platform.audit import SYSTEM  # noqa: PLC0415

        made = await here.parts.approvals.start(tx, content, by=SYSTEM, member=admin.member.id)
    return made.connection


def at(connection: ConnectionId, what: str = "records") -> str:
    return f"connections/{connection}/{what}"


@pytest.mark.parametrize("role", list(StaffRole))
async def test_only_those_who_hand_over_see_records_links_and_launches(here: House, role: StaffRole) -> None:
    who = await here.staff({role})
    for page in (at(here.connection.id), "links", "launches", at(here.connection.id, "records.csv")):
        assert (await who.get(page))[0] == (200 if role in READERS else 403), page


async def test_each_value_stands_on_the_page_with_a_button_to_copy_it(here: House) -> None:
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    _, page = await who.get(at(here.connection.id))
    for record in pack(here.connection, here.origin):
        assert record.title in page
        for field in record.fields:
            assert f'data-copy="c-{record.kind}-{field.name}"' in page
    assert f"{here.origin}/launch/provider?connection={here.connection.id}" in page
    assert "sessionId=%CSN%&amp;conferenceId" in page
    assert "Direct SMS" in page
    assert "/sms" not in page


async def test_before_approval_the_page_says_what_is_missing_and_gives_nothing_to_copy(here: House) -> None:
    connection, who = await draft(here), await here.staff({StaffRole.ADMINISTRATOR})
    status, page = await who.get(at(connection))
    assert status == 200
    assert "The connection is not in force" in page
    assert "/launch/provider" not in page
    assert (await who.get(at(connection, "records.txt")))[0] == 409
    assert (await who.post_form(at(connection), {"kind": "epic-provider", "pasted": "x"}))[0] == 409


async def test_downloads_hold_the_same_and_come_as_files(here: House) -> None:
    who = await here.staff({StaffRole.APPROVER})
    status, text = await who.get(at(here.connection.id, "records.txt"))
    assert (status, text) == (200, as_text(here.connection, pack(here.connection, here.origin)))
    status, table = await who.get(at(here.connection.id, "records.csv"))
    assert table.startswith("record,field,value,note")


async def test_another_organisations_connection_is_not_found(here: House) -> None:
    theirs = await another(here, tenant=await here.organisation())
    who = await here.staff({StaffRole.ADMINISTRATOR})
    for page in ("records", "records.csv", "records.txt"):
        assert (await who.get(at(theirs.id, page)))[0] == 404
    assert (await who.post_form(at(theirs.id), {"kind": "epic-provider", "pasted": "x"}))[0] == 404
    assert (await who.post_form("links/test", {"connection": str(theirs.id)}))[0] == 404


async def test_what_the_record_holds_is_compared_and_kept_nowhere(here: House, owner: asyncpg.Connection) -> None:
    production = await another(here)
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    good = as_text(here.connection, pack(here.connection, here.origin)[:1])
    assert "No differences" in (await who.post_form(at(here.connection.id), {"kind": "epic-provider", "pasted": good}))[1]
    canary = "canary-8f3a"
    bad = good.replace(str(here.connection.id), str(production.id)) + f"\n{canary}"
    status, page = await who.post_form(at(here.connection.id), {"kind": "epic-provider", "pasted": bad})
    assert status == 200
    assert "another connection of yours: Production (production)" in page
    assert canary not in await everything(owner)


async def everything(owner: asyncpg.Connection) -> str:
    """Every row of every table as text."""
    tables = await owner.fetch(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    return "\n".join([str(await owner.fetch(f'select * from "{row[0]}"')) for row in tables])


async def test_a_pasted_script_is_only_text(here: House) -> None:
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    evil = "Launch URL: https://x/<script>alert(1)</script>"
    _, page = await who.post_form(at(here.connection.id), {"kind": "epic-provider", "pasted": evil})
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_fields_that_no_form_has_are_refused(here: House) -> None:
    who = await here.staff({StaffRole.ADMINISTRATOR})
    assert (await who.post_form("links/test", {"connection": str(here.connection.id), "tenant": str(here.tenant)}))[0] == 400
    assert (await who.post_form(at(here.connection.id), {"kind": "no-such", "pasted": "x"}))[0] == 404


# ---------------------------------------------------------------------- addresses


async def explained(who: Staff, address: str) -> str:
    status, page = await who.post_form("links/explain", {"address": address})
    assert status == 200
    return page.partition('id="result"')[2].partition("<form")[0]


async def test_a_launch_address_is_held_against_ones_own_connections(here: House) -> None:
    production, waiting = await another(here), await draft(here)
    theirs = await another(here, tenant=await here.organisation())
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    iss = quote(here.connection.iss, safe="")
    base = f"{here.origin}/launch/provider"
    cases = {
        f"{base}?iss={iss}&launch=x": "Nothing is wrong with it",
        f"{base}?iss={iss}%2F&launch=x": "one ends with a slash",
        f"{base}?iss={iss}&launch=x&connection={production.id}": "“connection” names Production (production)",
        f"{base}?iss={quote('https://draft.example/api/FHIR/R4')}&launch=x": "This connection is not approved",
        f"{base}?iss={quote('https://draft.example/api/FHIR/R4')}&launch=x&connection={waiting}": "This connection is not approved",
        f"{base}?iss={quote(theirs.iss)}&launch=x": "No connection of your organisation has the FHIR base URL",
        f"{base}?iss={iss}&launch=x&connection={theirs.id}": "names no connection of your organisation",
        f"{base}?iss=https%3A%2F%2Fx%00&launch=%00": "No connection of your organisation has the FHIR base URL",
        f"{base}?iss=%ED%A0%80&launch=x": "No connection of your organisation has the FHIR base URL",
    }
    for address, words in cases.items():
        assert words in await explained(who, address), address


async def test_a_launch_that_was_used_says_so_with_its_reference(here: House, owner: asyncpg.Connection) -> None:
    from vestibule.kit.ids import fingerprint  # noqa: PLC0415

    now = datetime.now(UTC)
    await owner.execute(
        "insert into launches (tenant_id, id, connection_id, kind, reference, launch_hash, started_at, expires_at)"
        " values ($1, $2, $3, 'provider', '7QK-2MD-R4T', $4, $5, $5)",
        here.tenant,
        new_id(),
        here.connection.id,
        fingerprint("spent"),
        now,
    )
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    address = f"{here.origin}/launch/provider?iss={quote(here.connection.iss, safe='')}&launch="
    assert "7QK-2MD-R4T" in await explained(who, address + "spent")
    assert "7QK-2MD-R4T" not in await explained(who, address + "fresh")


async def test_a_short_link_is_explained_in_each_of_its_states_and_only_to_its_own(here: House) -> None:
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    elsewhere = await here.staff({StaffRole.INTEGRATION_ENGINEER}, tenant=await here.organisation())
    visits, db = here.parts.visits, here.parts.db
    patient = await here.come(PersonRole.PATIENT, "Someone")
    later = await here.come(PersonRole.PATIENT, "Someone", csn="2", starts_in=timedelta(hours=9))
    far, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    async with db.tenant(here.tenant) as tx:
        codes = {
            "Nothing is wrong": await visits.make_link(tx, patient.visit, role=PersonRole.PATIENT, expires_at=far),
            "It expired at": await visits.make_link(tx, patient.visit, role=PersonRole.FAMILY, expires_at=past),
            "Its visit opens at": await visits.make_link(tx, later.visit, role=PersonRole.PATIENT, expires_at=far),
        }
    for words, code in codes.items():
        assert words in await explained(who, f"{here.origin}/j/{code}"), words
        assert code not in (await who.post_form("links/explain", {"address": f"{here.origin}/j/{code}"}))[1]
        assert "No link of your organisation" in await explained(elsewhere, f"{here.origin}/j/{code}")
    async with db.tenant(here.tenant) as tx:
        await visits.end_for_all(tx, patient.visit)
    assert "Its visit has ended" in await explained(who, f"{here.origin}/j/{codes['Nothing is wrong']}")


async def test_a_test_link_leads_into_a_synthetic_visit_that_no_record_hears_of(here: House, owner: asyncpg.Connection) -> None:
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    status, page = await who.post_form("links/test", {"connection": str(here.connection.id)})
    assert status == 200
    link = page.partition(f'value="{here.origin}/j/')[2].partition('"')[0]
    assert "Nothing is wrong" in await explained(who, f"{here.origin}/j/{link}")
    row = await owner.fetchrow("select v.connection_id, i.system from visits v join visit_identifiers i on i.visit_id = v.id")
    assert (row["connection_id"], row["system"]) == (None, "synthetic")
    assert link not in (await who.get("links"))[1]
