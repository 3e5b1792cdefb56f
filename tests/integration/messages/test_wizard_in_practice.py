"""The wizard against the practice carriers: an account, a number that is generated, and a sample that arrives on a handset."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from practice.carriers import seed
from practice.server import Running
from practice.server import start as start_hospital
from support.house import House, Staff, house
from support.waiting import until
from vestibule.identity.model import StaffRole
from vestibule.wiring.message_desk import make_carrying, make_orders

PHONE = "+12065550142"


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    made = await start_hospital()
    made.setup(azure_resources=[{"name": seed.RESOURCE, "operation_seconds": 0}])
    yield made
    await made.stop()


async def ordered(h: House, admin: Staff, account: str, kind: str) -> str:
    """Look, read the price, buy: the path of the sender it became."""
    orders = make_orders(h.parts, make_carrying(h.parts, h.parts.messages.replan))
    form = {"account": account, "country": "US", "kind": kind}
    _, where = await admin.post_form("messages/numbers/order", form)
    page = where.removeprefix(admin.base + "/")

    async def says(words: str) -> bool:
        await orders.round(h.parts.db)
        return words in (await admin.get(page))[1]

    await until(lambda: says("Which number?"), what="an offer")
    text = (await admin.get(page))[1]
    assert re.search(r"[0-9.]+ USD a month", text)
    offer = re.search(r'name="offer" value="([^"]+)"', text)
    assert offer
    assert (await admin.post_form(page, {"offer": offer[1], "sure": "yes"}))[0] == 303
    await until(lambda: says("is yours"), what="the number")
    found = re.search(r"messages/numbers/[0-9a-f-]{36}(?=\")", (await admin.get(page))[1])
    assert found
    return found[0]


@pytest.mark.parametrize("kind", ["twilio", "azure"])
async def test_from_an_account_to_a_text_on_a_handset(h: House, hospital: Running, owner: asyncpg.Connection, kind: str) -> None:
    admin, at = await h.staff({StaffRole.ADMINISTRATOR}), hospital.hospital.at
    await admin.post_form("messages/consent", {"behalf": "yes", "patients": "yes"})
    form = (
        {"endpoint": at.twilio, "user": seed.SID, "secret": seed.TOKEN} if kind == "twilio" else {"endpoint": at.azure, "secret": seed.KEY}
    )
    assert await admin.post_form(f"messages/carriers/new/{kind}", {"name": "Practice", **form}) == (
        303,
        f"{admin.base}/messages/carriers?told=works",
    )
    account = str(await owner.fetchval("select id from message_accounts"))
    sender = await ordered(h, admin, account, "toll_free")
    linked = {"connections": str(h.connection.id), "per_minute": "200", "verification": "unverified", "revision": "1"}
    assert (await admin.post_form(sender, linked))[0] == 303
    assert (await admin.post_form(f"{sender}/ask"))[0] == 303
    trial = {"connection": str(h.connection.id), "trial_address": PHONE, "language": "ko", "purpose": "scheduled", "place": "home"}
    status, text = await admin.post_form("messages/trial", trial)
    assert status == 200
    assert "A carrier took it" in text
    await until(lambda: _arrived(hospital), what="the text on the handset")


async def _arrived(hospital: Running) -> bool:
    return any("화상 진료" in one.text for one in hospital.hospital.exchange.journal.with_phone(PHONE))
