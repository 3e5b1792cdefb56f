"""Random people do random things to a connection, from fresh and from stale pages.

After every step: what serves is, to the letter, what the right person approved on the page they looked at, or what needed no approval
when it was submitted. And nobody who is right is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from support.approving import ISS, Office, content, person
from vestibule.errors import VestibuleError
from vestibule.kit.ids import MemberId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import Content, Vendor, Version, VersionState, content_of

PEOPLE = [person() for _ in range(4)]  # the first three are approvers to begin with
who = st.sampled_from([*PEOPLE, None])
contents = st.builds(
    content,
    name=st.sampled_from(["A", "B"]),
    vendor=st.sampled_from([Vendor.EPIC, Vendor.ORACLE_HEALTH, Vendor.GENERIC]),
    iss=st.sampled_from([ISS, ISS + "/two"]),
    approver=st.sampled_from([PEOPLE[0], PEOPLE[1], None]),
)
# Which page somebody has before them: mostly the newest, sometimes one from long ago.
pages = st.one_of(st.just(0), st.just(0), st.integers(0, 30))


class Registry(RuleBasedStateMachine):
    """One organisation with one connection, and what we believe about it."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.office = Office(approvers=set(PEOPLE[:3]), quick=True)
        self.tenant = TenantId(new_id())
        self.pages: list[Version] = []
        self.writers: set[MemberId] = set()
        self.serves: Content | None = None
        self.oracle = self.two = False

    @initialize(wanted=contents, member=who)
    def begin(self, wanted: Content, member: MemberId | None) -> None:
        async def start() -> Version:
            self.db = await Database.open(self.url, max_size=1)
            async with self.db.tenant(self.tenant) as tx:
                await self.office.tenancy.add_tenant(tx, name="Alder Clinic")
                return await self.office.approvals.start(tx, wanted, by=SYSTEM, member=member)

        self.pages.append(self.runner.run(start()))
        self.writers = {member} if member else set()

    def teardown(self) -> None:
        async def leave() -> None:
            # The address is free for the next organisation.
            async with self.db.tenant(self.tenant) as tx:
                newest = await self.office.approvals.newest(tx, self.pages[0].connection)
                await self.office.approvals.remove(tx, newest.connection, revision=newest.revision, by=SYSTEM)
            await self.db.close()

        if self.pages:
            self.runner.run(leave())
        self.runner.close()

    def page(self, back: int) -> Version:
        """The page `back` changes ago."""
        return self.pages[max(0, len(self.pages) - 1 - back)]

    def act(self, method: str, **given: Any) -> Version | str:
        """Do it: how it stands then, or why it was refused."""

        async def within() -> Version:
            async with self.db.tenant(self.tenant) as tx:
                work: Awaitable[Version] = getattr(self.office.approvals, method)(tx, self.pages[0].connection, by=SYSTEM, **given)
                return await work

        try:
            made = self.runner.run(within())
        except VestibuleError as error:
            return error.code
        if made != self.pages[-1]:
            self.pages.append(made)
        return made

    def needed(self, wanted: Content) -> bool:
        vendors = {wanted.vendor, *([self.serves.vendor] if self.serves else [])}
        return self.oracle or vendors != {Vendor.ORACLE_HEALTH}

    @rule(back=pages, wanted=contents, member=who)
    def save(self, back: int, wanted: Content, member: MemberId | None) -> None:
        page, newest = self.page(back), self.pages[-1]
        made = self.act("save", content=wanted, revision=page.revision, member=member)
        assert isinstance(made, Version) == (page is newest), made
        if isinstance(made, Version) and made != newest:
            self.writers = (set() if newest.state is VersionState.APPROVED else self.writers) | ({member} if member else set())

    @rule(back=pages, member=who)
    def submit(self, back: int, member: MemberId | None) -> None:
        page, newest = self.page(back), self.pages[-1]
        needed = self.needed(page.content)
        named = not needed or page.content.approver in self.office.approvers
        fit = page is newest and page.state is VersionState.DRAFT and named and not (needed and self.two and member is None)
        made = self.act("submit", revision=page.revision, member=member)
        assert isinstance(made, Version) == fit, made
        if isinstance(made, Version):
            assert made.state is (VersionState.AWAITING if needed else VersionState.APPROVED)
            if not needed:
                self.serves = page.content

    @rule(back=pages, member=who, proved=st.booleans())
    def approve(self, back: int, member: MemberId | None, proved: bool) -> None:
        self.decide(self.page(back), member, proved=proved)

    @precondition(lambda self: self.pages and self.pages[-1].state is VersionState.AWAITING)
    @rule()
    def the_right_person_approves(self) -> None:
        self.decide(self.pages[-1], self.pages[-1].content.approver, proved=True)

    def decide(self, page: Version, member: MemberId | None, *, proved: bool) -> None:
        newest = self.pages[-1]
        right = member is not None and member == page.content.approver and member in self.office.approvers
        alone = self.two and (newest.submitted_by is None or member in {*self.writers, newest.submitted_by})
        fit = page is newest and page.state is VersionState.AWAITING and right and proved and not alone
        made = self.act("approve", version=page.number, revision=page.revision, member=member, proved=proved)
        assert isinstance(made, Version) == fit, made
        if fit:
            self.serves = page.content

    @rule(back=pages, member=who)
    def reject(self, back: int, member: MemberId | None) -> None:
        page = self.page(back)
        right = member is not None and member == page.content.approver and member in self.office.approvers
        fit = page is self.pages[-1] and page.state is VersionState.AWAITING and right
        made = self.act("reject", version=page.number, revision=page.revision, reason="No.", member=member)
        assert isinstance(made, Version) == fit, made

    @rule(back=pages)
    def withdraw(self, back: int) -> None:
        page = self.page(back)
        fit = page is self.pages[-1] and page.state is VersionState.AWAITING
        made = self.act("withdraw", revision=page.revision)
        assert isinstance(made, Version) == fit, made

    @rule(back=pages)
    def discard(self, back: int) -> None:
        page = self.page(back)
        fit = page is self.pages[-1] and self.serves is not None
        made = self.act("discard", revision=page.revision)
        assert isinstance(made, Version) == fit, made
        if isinstance(made, Version):
            assert made.content == self.serves
            self.writers = set()

    @rule(oracle=st.booleans(), two=st.booleans())
    def switch(self, oracle: bool, two: bool) -> None:
        async def change() -> None:
            async with self.db.tenant(self.tenant) as tx:
                await self.office.organisations.change(tx, {"approve_oracle": oracle, "two_persons": two}, by=SYSTEM)

        self.runner.run(change())
        self.oracle, self.two = oracle, two

    @rule(member=st.sampled_from(PEOPLE))
    def role_is_given_or_taken(self, member: MemberId) -> None:
        self.office.approvers ^= {member}

    @invariant()
    def what_serves_was_agreed_to(self) -> None:
        async def look() -> Content | None:
            async with self.db.tenant(self.tenant) as tx:
                serving = await self.office.tenancy.connections(tx)
                return content_of(serving[0], approver=self.serves and self.serves.approver) if serving else None

        if self.pages:
            assert self.runner.run(look()) == self.serves


def test_what_serves_was_approved_by_the_right_person_exactly_so_or_needed_no_approval(db_url: str) -> None:
    machine = type("Registry", (Registry,), {"url": db_url})
    few = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=few)  # type: ignore[no-untyped-call]
