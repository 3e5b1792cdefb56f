"""The whole way, as wiring puts it together: an appointment, a text on a handset, its receipt, an answer, and silence after STOP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from practice.carriers import seed
from practice.server import Running, start
from support.house import House, house
from support.message_office import MessageOffice
from support.waiting import until
from vestibule.kit.ids import VisitId
from vestibule.messages.model import Account, CarrierKind, Message, MessageState
from vestibule.visits.model import Identifier
from vestibule.visits.service import Appointment, Contact
from vestibule.wiring.messaging import message_worker

PHONE = "+12065550142"
KINDS = [CarrierKind.TWILIO, CarrierKind.AZURE]


@dataclass
class Town:
    """A clinic that texts by one of the practice carriers."""

    house: House
    hospital: Running
    account: Account
    number: str

    async def appoint(self, *, hours: float = 72, csn: str = "1853") -> VisitId:
        """The record tells of an appointment, or that it has moved."""
        parts = self.house.parts
        starts_at = parts.clock.now() + timedelta(hours=hours)
        connection, department = self.house.connection.id, self.house.department.id
        names = [Identifier(connection, "csn", csn)]
        one = Appointment(connection, csn, names, department, starts_at, starts_at + timedelta(minutes=30))
        async with parts.db.tenant(self.house.tenant) as tx:
            visit, person = await parts.visits.appointments.appoint(tx, one)
            await parts.visits.contacts.note(tx, visit, person.id, Contact(PHONE))
        return visit.id

    async def messages(self, visit: VisitId) -> list[Message]:
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            return await self.house.parts.messages.of_visit(tx, visit)

    async def state(self, visit: VisitId, purpose: str) -> MessageState | None:
        return next((one.state for one in reversed(await self.messages(visit)) if one.purpose.value == purpose), None)

    def shown(self) -> list[str]:
        return [text.text for text in self.hospital.hospital.exchange.journal.with_phone(PHONE) if text.shown and text.way == "out"]

    async def becomes(self, visit: VisitId, purpose: str, state: MessageState) -> None:
        async def so() -> bool:
            return await self.state(visit, purpose) is state

        await until(so, what=f"{purpose} is {state}")


@pytest.fixture(params=KINDS, ids=[kind.value for kind in KINDS])
async def town(request: pytest.FixtureRequest, db_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    hospital = await start()
    async with house(db_url, tmp_path) as made:
        one = await set_up(made, hospital, request.param)
        worker = message_worker(made.parts)
        running = asyncio.create_task(worker.run())
        yield one
        await worker.stop()
        await running
    await hospital.stop()


async def set_up(made: House, hospital: Running, kind: CarrierKind) -> Town:
    """An account, a sender that writes for the connection, and the carrier told where to tell us things."""
    office, at = MessageOffice(made.parts.clock, made.parts.box), hospital.hospital.at
    twilio = kind is CarrierKind.TWILIO
    wish: dict[str, Any] = (
        {"endpoint": at.twilio, "user": seed.SID, "secret": seed.TOKEN}
        if twilio
        else {"endpoint": at.azure, "user": seed.RESOURCE, "secret": seed.KEY, "hook_secret": "sesame"}
    )
    number = seed.TOLL_FREE if twilio else seed.AZURE_TOLL_FREE
    async with made.parts.db.tenant(made.tenant) as tx:
        account = await office.account(tx, kind, **wish)
        await office.sender(tx, account, made.connection.id, address=number)
        await office.consented(tx)
        await office.policy(tx, made.connection.id, quiet_from=time(), quiet_to=time())
    hook = f"{made.origin}/hooks/{account.id}"
    if twilio:
        hospital.setup(numbers=[{"number": number, "sms_url": hook}])
    else:
        header = {"header": "X-Vestibule-Key", "header_value": "sesame"}
        hospital.setup(azure_resources=[{"name": seed.RESOURCE, "webhook": hook, "retry_seconds": 0, **header}])
    return Town(made, hospital, account, number)


async def test_an_appointment_is_texted_once_and_known_to_have_arrived(town: Town) -> None:
    visit = await town.appoint()
    await town.becomes(visit, "scheduled", MessageState.DELIVERED)
    (text,) = town.shown()
    assert "Alder Clinic" in text
    await town.appoint(hours=80)
    await town.becomes(visit, "updated", MessageState.DELIVERED)
    assert len(town.shown()) == 2


async def test_a_phone_that_does_not_exist_is_known_to_have_heard_nothing(town: Town) -> None:
    town.hospital.setup(phones=[{"number": PHONE, "trouble": ["unknown"]}])
    visit = await town.appoint()
    await town.becomes(visit, "scheduled", MessageState.FAILED)
    failed = next(one for one in await town.messages(visit) if one.state is MessageState.FAILED)
    assert failed.code == "carrier-no-such-number"
    assert town.shown() == []


async def test_stop_is_heard_at_once_and_nothing_follows(town: Town) -> None:
    visit = await town.appoint()
    await town.becomes(visit, "scheduled", MessageState.DELIVERED)
    town.hospital.text(PHONE, town.number, "Stop")
    await town.becomes(visit, "reminder", MessageState.WITHDRAWN)
    before = [text for text in town.shown() if "Alder Clinic" in text]
    async with town.house.parts.db.tenant(town.house.tenant) as tx:
        await town.house.parts.visits.cancel(tx, visit)
    await town.hospital.hospital.exchange.settled()
    assert [text for text in town.shown() if "Alder Clinic" in text] == before
