"""A house with a feed in every state its pages can show."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import asyncpg

from support.house import House
from support.scheduling import siu
from support.senders import certificate_pem
from vestibule.feed.inbox import about
from vestibule.feed.model import Rule, RuleField
from vestibule.kit.ids import new_id
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import Place
from vestibule.wiring.feeding import make_processing


async def put(h: House, owner: asyncpg.Connection, body: bytes, **more: Any) -> int:
    """A message as the listener leaves it; its number."""
    name = new_id().bytes * 2
    columns = {
        "tenant_id": h.tenant,
        "connection_id": h.connection.id,
        "name": name,
        "control_id": "2001",
        "body": h.parts.box.seal_bytes(body, about=about(h.tenant, name)),
        "body_hash": hashlib.sha256(body).digest(),
        "size": len(body),
        "via": "mllps",
    } | more
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    made: int = await owner.fetchval(f"insert into feed_inbox ({', '.join(columns)}) values ({places}) returning id", *columns.values())
    return made


async def turn(h: House) -> None:
    """Apply everything that came."""
    processing = make_processing(h.parts)
    while await processing.turn():
        pass


async def set_up(h: House, **more: Any) -> None:
    """A feed that is on, with a rule for video rooms."""
    rules = (Rule(RuleField.RESOURCE, "VIDEO ROOM"), Rule(RuleField.VISIT_TYPE, "CLINIC VIDEO *", place=Place.CLINIC))
    changes = {"enabled": True, "zone": "America/Chicago", "rules": rules} | more
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.feed_settings.change(tx, h.connection.id, changes, revision=0, by=SYSTEM)


async def busy(h: House, owner: asyncpg.Connection) -> list[int]:
    """A day of messages of every kind, two certificates, plain MLLP; the numbers of what stands in quarantine."""
    await set_up(h, plain_port=6661, networks=("10.20.0.0/16",))
    async with h.parts.db.tenant(h.tenant) as tx:
        for name, days in (("engine-2025,O=Alder Clinic", 5), ("engine-2026,O=Alder Clinic", 300)):
            await h.parts.feed_settings.add_certificate(tx, h.connection.id, certificate_pem(name, days=days), by=SYSTEM)
        [first, *_] = await h.parts.feed_settings.certificates(tx)
    for n in range(12):
        await put(h, owner, siu(csn=str(n), control=str(3000 + n)), certificate_id=first.id)
    await put(h, owner, siu("S15", csn="3", control="3100"), via="mllp")
    await put(h, owner, siu("S13", csn="3", control="3101"), via="mllp")
    for n in range(5):
        await put(h, owner, siu(csn=f"9{n}", control=str(3200 + n), room="ROOM 7"), certificate_id=first.id)
    wrong = [await put(h, owner, siu(csn=f"8{n}", control=str(3300 + n), starts=""), control_id=str(3300 + n)) for n in range(3)]
    wrong += [await put(h, owner, b"hello", control_id="")]
    await turn(h)
    await owner.execute("update feed_inbox set received_at = received_at - $1::interval where event = 'S15'", timedelta(hours=2))
    return wrong
