"""Texting by hand with everything behind it: planned, audited, refused, and the typed number sealed and in nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from support.canary import Canary
from support.house import Guest, House, house
from support.message_office import MessageOffice
from vestibule.messages.model import Message, MessageState
from vestibule.visits.model import PersonRole
from vestibule.visits.service import Contact

TYPED = "6085550177"


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as one:
        yield one


@pytest.fixture
async def doctor(here: House) -> Guest:
    patient = await here.come(PersonRole.PATIENT, "Amy Shaw")
    office = MessageOffice(box=here.parts.box)
    async with here.parts.db.tenant(here.tenant) as tx:
        await office.consented(tx)
        await office.policy(tx, here.connection.id)
        await office.sender(tx, await office.account(tx), here.connection.id)
        await here.parts.visits.contacts.note(tx, patient.visit, patient.participant.id, Contact("+16085550142", "", "es"))
    return await here.come(PersonRole.PROVIDER, "Dr. Okafor")


async def send(doctor: Guest, **form: str) -> tuple[int, str]:
    headers = {**doctor.headers, "Accept": "text/html"}
    url = f"{doctor.house.origin}{doctor.base}/text"
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def planned(here: House, doctor: Guest) -> list[Message]:
    async with here.parts.db.tenant(here.tenant) as tx:
        return [one for one in await here.parts.messages.of_visit(tx, doctor.visit) if one.purpose == "direct"]


async def test_a_text_is_planned_at_once_and_stands_in_the_audit_without_its_number(here: House, doctor: Guest) -> None:
    assert (await send(doctor, number="typed", phone=TYPED, language="ko"))[0] == 303
    (message,) = await planned(here, doctor)
    assert (message.state, message.language) == (MessageState.PLANNED, "ko")
    async with here.parts.db.tenant(here.tenant) as tx:
        entries = await tx.fetch("select action, detail::text as detail from audit_entries where action like 'message.%'")
    assert [row["action"] for row in entries] == ["message.sent-directly"]
    assert "typed" in entries[0]["detail"]
    assert "About to be sent" in (await doctor.get("text"))[1]


async def test_a_typed_number_is_in_no_table(here: House, doctor: Guest, owner: asyncpg.Connection) -> None:
    await send(doctor, number="typed", phone=TYPED)
    async with here.parts.db.tenant(here.tenant) as tx:
        names = await tx.fetch("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
    found = []
    for table in [row["relname"] for row in names]:
        rows = await owner.fetch(f'select * from "{table}"')
        found += Canary({"the typed number": TYPED}).found(table, [str(dict(row)) for row in rows])
    assert found == []


async def test_the_sixth_text_within_minutes_is_refused_on_the_page(here: House, doctor: Guest) -> None:
    answers = [(await send(doctor, number="known"))[0] for _ in range(6)]
    assert answers == [303] * 5 + [429]


async def test_the_board_and_the_console_have_the_button(here: House, doctor: Guest) -> None:
    status, board = await doctor.get("board")
    assert status == 200
    assert f'href="{doctor.base}/text/{doctor.visit}"' in board
    assert f'href="{doctor.base}/text"' in (await doctor.get("console"))[1]
    assert (await doctor.get(f"text/{doctor.visit}"))[0] == 200


async def test_a_patient_may_not(here: House, doctor: Guest) -> None:
    patient = await here.come(PersonRole.PATIENT, "Amy Shaw")
    assert (await patient.get("text"))[0] == 403
    assert (await send(patient, number="known"))[0] == 403
