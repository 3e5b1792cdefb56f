"""A feed without sockets: messages put into the inbox by hand, and the worker's own loop turned once at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import asyncpg
import pytest

from vestibule.feed.applying import Applying
from vestibule.feed.forgetting import FeedForgetting
from vestibule.feed.inbox import about
from vestibule.feed.knowing import Knowing
from vestibule.feed.model import Rule, RuleField
from vestibule.feed.processing import Processing
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Visit
from vestibule.visits.service import Reach, Visits

VIDEO = Rule(RuleField.RESOURCE, "VIDEO ROOM")


class FeedHouse:
    """What a worker has, for one connection of one organisation."""

    def __init__(self, db: Database, owner: asyncpg.Connection, tenant: TenantId) -> None:
        self.db, self.owner, self.tenant = db, owner, tenant
        self.clock = SystemClock()
        self.box = SecretBox([("k1", b"7" * 32)])
        self.tenancy = Tenancy(self.clock, self.box)
        self.visits = Visits(self.clock, self.box)
        self.forgetting = FeedForgetting(self.clock)
        self.visits.subscribers.append(self.forgetting.on_event)
        self.settings = FeedSettingsService(self.clock, Audit())
        self.connection = ConnectionId(new_id())
        self.knowing = Knowing(self.settings, self.tenancy, self.clock)
        self.processing = self.worker()

    def worker(self, **more: Any) -> Processing:
        """Another worker on the same database."""
        return Processing(self.db, self.box, Applying(self.visits, self.clock, self.box), self.knowing, self.clock, **more)

    async def set_up(self) -> None:
        """The connection, a department, and a rule."""
        async with self.db.tenant(self.tenant) as tx:
            one = Connection(self.connection, self.tenant, "Alder", Vendor.EPIC, Environment.TEST, "https://ehr.test/fhir")
            await self.tenancy.add_connection(tx, one)
            await self.tenancy.add_department(tx, name="Cardiology", zone="America/Chicago", external="CARD")
        await self.change(enabled=True, zone="America/New_York", rules=(VIDEO,))

    async def change(self, **changes: Any) -> None:
        """Change the feed's settings, whatever they are now."""
        async with self.db.tenant(self.tenant) as tx:
            now = await self.settings.get(tx, self.connection)
            await self.settings.change(tx, self.connection, changes, revision=now.revision, by=SYSTEM)
        self.knowing._forget()

    async def put(self, *messages: bytes) -> list[int]:
        """Messages as the listener leaves them; their numbers."""
        return [await self._put(body) for body in messages]

    async def _put(self, body: bytes) -> int:
        name = new_id().bytes * 2
        sealed = self.box.seal_bytes(body, about=about(self.tenant, name))
        row: int = await self.owner.fetchval(
            "insert into feed_inbox (tenant_id, connection_id, name, control_id, body, body_hash, size, via)"
            " values ($1, $2, $3, $4, $5, $6, $7, 'mllp') returning id",
            self.tenant,
            self.connection,
            name,
            body.split(b"|")[9].decode("latin-1")[:200] if body.count(b"|") > 9 else "",
            sealed,
            hashlib.sha256(body).digest(),
            len(body),
        )
        return row

    async def process(self) -> None:
        """Apply everything that is due."""
        while await self.processing.turn():
            pass

    async def hear(self, *messages: bytes) -> list[str]:
        """One after the other, each processed before the next comes; what became of them: `applied`, `late`, `ignored appointment-past`."""
        rows = []
        for message in messages:
            rows += await self.put(message)
            await self.process()
        return await self.fates(rows)

    async def fates(self, rows: Iterable[int]) -> list[str]:
        found = {r["id"]: f"{r['state']} {r['code']}".strip() for r in await self.owner.fetch("select id, state, code from feed_inbox")}
        return [found[row] for row in rows]

    async def visit(self, csn: str = "700123") -> Visit | None:
        """The appointment's visit."""
        found = await self.owner.fetchval("select visit_id from visit_identifiers where system = 'csn' and value = $1", csn)
        if found is None:
            return None
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.get(tx, VisitId(found))

    async def reach(self, visit: Visit) -> list[Reach]:
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.contacts.of_visit(tx, visit.id)


@pytest.fixture
async def feed(db: Database, owner: asyncpg.Connection, tenant: TenantId) -> FeedHouse:
    made = FeedHouse(db, owner, tenant)
    await made.set_up()
    return made
