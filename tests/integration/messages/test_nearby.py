"""What the doctor is told of messages and feed, out of a real database and against the practice carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from practice.carriers import seed
from practice.server import Running, start
from support.message_office import MessageOffice
from vestibule.adapters.meetings.teams import GraphCloud, Places
from vestibule.doctor.ports import Around
from vestibule.errors import NotAllowed
from vestibule.feed.looking import FeedLooking
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import CarrierKind, Channel, Verification
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.platform.mail import Mail
from vestibule.wiring.carriers import carriers_on
from vestibule.wiring.nearby import Nearby
from vestibule.wiring.teams_nearby import TeamsNearby


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    running = await start()
    yield running
    await running.stop()


async def test_accounts_senders_and_feed_are_seen_and_the_account_can_be_asked(db: Database, tenant: TenantId, hospital: Running) -> None:
    clock, office, http = SystemClock(), MessageOffice(), Http(allow_loopback_http=True)
    feed = FeedSettingsService(clock, Audit(clock))
    looking = FeedLooking(clock, office.box, Audit(clock), office.tenancy)
    cloud = GraphCloud(http=http, clock=clock, places=Places("https://graph.alder.example", "https://login.alder.example"))
    teams = TeamsNearby(db, office.box, clock, Audit(clock), cloud)
    nearby = Nearby(db, office.settings, feed, looking, carriers_on(http, Mail(), clock), teams)
    async with db.tenant(tenant) as tx:
        name = await office.connection(tx)
        connection = await office.tenancy.connection(tx, name)
    assert await nearby.around(connection) == Around()
    async with db.tenant(tenant) as tx:
        at = hospital.hospital.at.twilio
        good = await office.account(tx, CarrierKind.TWILIO, endpoint=at, user=seed.SID, secret=seed.TOKEN)
        bad = await office.account(tx, CarrierKind.AZURE, endpoint=hospital.hospital.at.azure, user=seed.RESOURCE)
        mail = await office.account(tx, CarrierKind.SMTP)
        await office.sender(tx, good, name, address=seed.TOLL_FREE, verification=Verification.PENDING)
        await office.sender(tx, bad, name, address=seed.AZURE_TOLL_FREE)
        await office.sender(tx, mail, name, address="visits@alder.example", channel=Channel.EMAIL)
        await office.consented(tx)
        await office.policy(tx, name, on_scheduled=True)
        await feed.change(tx, name, {"enabled": True, "zone": "America/Chicago"}, revision=0, by=SYSTEM)
    around = await nearby.around(connection)
    assert around.sends
    assert [(one.name, one.tells, one.near, one.unproved) for one in around.carriers] == [
        ("twilio", True, True, False),
        ("azure", True, True, True),
        ("smtp", False, False, False),
    ]
    assert around.carriers[0].senders == ((seed.TOLL_FREE, "pending"),)
    assert around.feed is not None
    assert (around.feed.plain, around.feed.keys, around.feed.zone) == (False, (), True)
    assert (around.feed.last, around.feed.silent, around.feed.quarantined) == (None, False, 0)
    await around.carriers[0].check()
    with pytest.raises(NotAllowed):
        await around.carriers[1].check()
    await http.close()
