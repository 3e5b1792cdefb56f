"""Three organisations move among two records and share them at random.

After every step: whoever serves a record was there first, or was let in by whoever was first at that moment.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from support.approving import Office, content
from vestibule.errors import InvalidFields
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import Content, Vendor, Version

COUNT = 3
orgs = st.integers(0, COUNT - 1)


@dataclass
class Served:
    """What we believe of one organisation's connection."""

    version: Version
    content: Content
    since: int


class Records(RuleBasedStateMachine):
    """Every connection is to Oracle Health, so that a submission alone decides."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.office = Office(quick=True)
        self.tenants: list[TenantId] = [TenantId(new_id()) for _ in range(COUNT)]
        self.serves: dict[int, Served] = {}
        self.steps = 0
        self.addresses = [f"https://{new_id()}.example/r4" for _ in range(2)]

    @initialize()
    def begin(self) -> None:
        async def start() -> None:
            self.db = await Database.open(self.url, max_size=1)
            for tenant in self.tenants:
                async with self.db.tenant(tenant) as tx:
                    await self.office.tenancy.add_tenant(tx, name="Alder Clinic")

        self.runner.run(start())

    def teardown(self) -> None:
        self.runner.run(self.db.close())
        self.runner.close()

    def first_at(self, address: str) -> int | None:
        there = [(served.since, who) for who, served in self.serves.items() if served.content.iss == address]
        return min(there)[1] if there else None

    @rule(who=orgs, where=st.integers(0, 1), shared=st.sets(orgs))
    def connect(self, who: int, where: int, shared: set[int]) -> None:
        """A new connection, or another address or guests for the one there is."""
        address, before = self.addresses[where], self.serves.get(who)
        wanted = content(vendor=Vendor.ORACLE_HEALTH, iss=address, shared_with=tuple(self.tenants[one] for one in sorted(shared - {who})))
        host = self.first_at(address)
        welcome = host is None or host == who or self.tenants[who] in self.serves[host].content.shared_with
        if before is not None and before.content == wanted:
            return  # nothing to submit
        made = self.runner.run(self.submitted(who, wanted, before))
        assert (made is not None) == welcome
        if made is not None:
            self.steps += 1
            stays = before is not None and before.content.iss == address
            self.serves[who] = Served(made, wanted, before.since if before and stays else self.steps)

    async def submitted(self, who: int, wanted: Content, before: Served | None) -> Version | None:
        """In force, or None when the record is taken; then nothing of it stays."""
        approvals = self.office.approvals
        try:
            async with self.db.tenant(self.tenants[who]) as tx:
                if before is None:
                    draft = await approvals.start(tx, wanted, by=SYSTEM)
                else:
                    draft = await approvals.save(tx, before.version.connection, wanted, revision=before.version.revision, by=SYSTEM)
                return await approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
        except InvalidFields as error:
            if error.fields != {"iss": "iss-taken"}:
                raise
            return None

    @rule(who=orgs)
    def leave(self, who: int) -> None:
        served = self.serves.pop(who, None)
        if served is not None:

            async def remove() -> None:
                async with self.db.tenant(self.tenants[who]) as tx:
                    await self.office.approvals.remove(tx, served.version.connection, revision=served.version.revision, by=SYSTEM)

            self.runner.run(remove())

    @invariant()
    def who_serves_is_as_we_believe(self) -> None:
        if not hasattr(self, "db"):
            return
        for address in self.addresses:
            found = {one.tenant for one in self.runner.run(self.office.tenancy.whose_iss(self.db, address))}
            assert found == {self.tenants[who] for who, served in self.serves.items() if served.content.iss == address}


def test_a_record_is_served_by_whoever_was_first_and_whom_they_let_in(db_url: str) -> None:
    machine = type("Records", (Records,), {"url": db_url})
    few = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=few)  # type: ignore[no-untyped-call]
