"""Kill -9 of the worker while it applies messages: nothing that was acknowledged is lost, and nothing happens twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from integration.feed.conftest import FeedHouse
from support.crash import many_seeds, running
from support.scheduling import siu
from support.waiting import until
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]
APPOINTMENTS, KILLS = 12, 4
NOW = datetime.now(UTC).replace(microsecond=0)


def life(csn: str, rng: random.Random) -> tuple[list[bytes], datetime | None]:
    """An appointment's messages in an order that the dice choose, and when it is in the end; None when it was cancelled."""
    starts = [NOW + timedelta(days=2, hours=n) for n in range(3)]
    events = ["S12", "S13", rng.choice(["S14", "S14", "S15"])]
    sent = [
        siu(event, csn=csn, control=f"{csn}-{n}", sent=NOW - timedelta(minutes=30 - n), starts=starts[n]) for n, event in enumerate(events)
    ]
    rng.shuffle(sent)
    return sent, None if events[-1] == "S15" else starts[2]


@pytest.mark.parametrize("seed", many_seeds())
async def test_every_message_is_applied_once_however_often_the_worker_dies(
    seed: int, db: Database, db_url: str, owner: asyncpg.Connection, tenant: TenantId
) -> None:
    rng = random.Random(seed)
    feed = FeedHouse(db, owner, tenant)
    await feed.set_up()
    lives = {f"{n}": life(f"{n}", rng) for n in range(APPOINTMENTS)}
    messages = [message for sent, _ in lives.values() for message in sent]
    rng.shuffle(messages)
    await feed.put(*messages)
    async with running(["-m", "support.feed_worker", db_url]) as keeper:
        for n in range(KILLS):
            worker = await keeper.said(r"^worker (\d+)$", nth=n)
            await asyncio.sleep(rng.uniform(0, 0.15))
            os.kill(int(worker[1]), signal.SIGKILL)
        left = "select not exists (select from feed_inbox where state = 'new')"
        await until(lambda: owner.fetchval(left), seconds=60, what="every message has an end")
        keeper.terminate()
        await keeper.ended()
    assert await owner.fetchval("select count(*) from feed_inbox where state in ('quarantined', 'expired')") == 0
    rows = await owner.fetch(
        "select i.value, v.state, v.starts_at, (select count(*) from participants p where p.visit_id = v.id) as people,"
        " (select count(*) from visit_events e where e.visit_id = v.id and e.kind = 'scheduled') as made,"
        " (select count(*) from visit_events e where e.visit_id = v.id) = v.seq as whole"
        " from visits v join visit_identifiers i on i.visit_id = v.id and i.system = 'csn'"
    )
    assert await owner.fetchval("select count(*) from visits") == len(rows)
    found = {row["value"]: row for row in rows}
    for csn, (_, starts_at) in lives.items():
        row = found.get(csn)
        if starts_at is None:
            assert row is None or row["state"] == "cancelled", csn
            continue
        assert row is not None, csn
        assert (row["state"], row["starts_at"], row["people"], row["made"], row["whole"]) == ("scheduled", starts_at, 1, 1, True), csn
