"""The pack pasted into the practice EHR's record form and read out again: the EHR holds what we gave it, and a visit comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.launching import World, world
from vestibule.platform.db import Database
from vestibule.records.comparing import compare
from vestibule.records.downloads import as_text
from vestibule.records.kinds import pack
from vestibule.records.model import Level, Record


async def paste(here: World, text: str) -> None:
    """As an analyst does it, and into nothing: what the practice knew before is taken out."""
    book = here.hospital.hospital.book
    here.hospital.setup(remove={"launches": [one.key for one in book.launches]})
    async with here.session.post(f"{here.hospital.url}/records/paste", data={"pack": text}) as answer:
        assert "Kept:" in await answer.text()


async def held(here: World) -> str:
    async with here.session.get(f"{here.hospital.url}/records.txt") as answer:
        assert answer.status == 200
        return await answer.text()


def stops(record: Record, text: str) -> list[str]:
    return [f"{record.kind}: {one.field}: {one.what}" for one in compare(record, text) if one.level is Level.STOPS]


async def test_what_the_record_holds_after_pasting_is_what_we_gave(db: Database) -> None:
    async with world(db, backend_client_id="") as here:
        records = pack(here.connection, here.own)
        await paste(here, as_text(here.connection, records))
        text = await held(here)
        assert [line for record in records for line in stops(record, text)] == []
        broken = text.replace("/launch/provider?", "/launch/patient?")
        assert any("patients' address" in line for line in stops(records[0], broken))


@pytest.mark.parametrize("kind", ["provider", "patient"])
async def test_a_visit_comes_of_the_pasted_records(db: Database, kind: str) -> None:
    async with world(db) as here:
        await paste(here, as_text(here.connection, pack(here.connection, here.own)))
        page = await here.browser().follow(here.press(kind))
        assert page.status == 200, page.text
        assert (await here.visit("csn", here.csn)).people


async def test_records_of_another_connection_are_refused_with_its_name_in_the_comparison(db: Database) -> None:
    async with world(db) as here:
        from vestibule.kit.ids import ConnectionId, new_id  # noqa: PLC0415
        from vestibule.records.model import Neighbour  # noqa: PLC0415
        from vestibule.tenancy.model import Environment  # noqa: PLC0415

        other = replace(here.connection, id=ConnectionId(new_id()), name="Production", iss="http://localhost:1/production")
        async with here.db.tenant(here.tenant) as tx:
            await here.tenancy.add_connection(tx, replace(other, environment=Environment.PRODUCTION))
        await paste(here, as_text(other, pack(other, here.own)))
        page = await here.browser().ask(here.press())
        assert page.status == 409
        neighbour = Neighbour(str(other.id), other.name, Environment.PRODUCTION)
        found = compare(pack(here.connection, here.own)[0], await held(here), [neighbour])
        assert "Production (production)" in found[0].what
