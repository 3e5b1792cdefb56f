"""An organisation with people who may approve, and a connection's content to start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vestibule.errors import InvalidFields, VestibuleError
from vestibule.kit.clock import Clock, FrozenClock, SystemClock
from vestibule.kit.ids import MemberId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Content, Environment, Vendor, Version
from vestibule.tenancy.organisations import Organisations
from vestibule.tenancy.service import Tenancy

ISS = "https://ehr.alder.example/interconnect/api/FHIR/R4"


def person() -> MemberId:
    """Somebody."""
    return MemberId(new_id())


@dataclass
class Office:
    """Tenancy with approvals, and who may approve at the moment."""

    clock: Clock = field(default_factory=SystemClock)
    approvers: set[MemberId] = field(default_factory=set)
    quick: bool = False  # no keys are made: RSA takes half a second

    def __post_init__(self) -> None:
        self.audit = audit = Audit(self.clock)
        self.tenancy = Tenancy(self.clock, SecretBox([("k1", b"1" * 32)]))
        if self.quick:
            self.tenancy.rotate_keys = AsyncMock(return_value=[])  # type: ignore[method-assign]
        self.approvals = Approvals(self.clock, self.tenancy, audit, may_approve=self.may_approve)
        self.organisations = Organisations(self.clock, audit, knows_region=lambda region: region in {"eu", "us"})

    async def may_approve(self, _: Tx, member: MemberId) -> bool:
        """Has the member the role now?"""
        return member in self.approvers

    def approver(self) -> MemberId:
        """Somebody with the role."""
        member = person()
        self.approvers.add(member)
        return member

    def frozen(self) -> FrozenClock:
        """The clock, where it is one that stands still."""
        assert isinstance(self.clock, FrozenClock)
        return self.clock

    async def approve(self, tx: Tx, asked: Version, member: MemberId | None, *, proved: bool = True) -> Version:
        """As from the approver's page."""
        return await self.approvals.approve(
            tx, asked.connection, version=asked.number, revision=asked.revision, by=SYSTEM, member=member, proved=proved
        )

    async def submitted(self, tx: Tx, wanted: Content, *, member: MemberId | None = None, secret: str = "") -> Version:
        """A new connection on its approver's table."""
        draft = await self.approvals.start(tx, wanted, secret=secret, by=SYSTEM, member=member)
        return await self.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM, member=member)

    async def approved(self, tx: Tx, wanted: Content, *, secret: str = "") -> Version:
        """A new connection in force."""
        return await self.approve(tx, await self.submitted(tx, wanted, secret=secret), wanted.approver)


def content(**changes: Any) -> Content:
    """A complete connection to Epic."""
    usual: dict[str, Any] = {
        "name": "Alder, test",
        "vendor": Vendor.EPIC,
        "environment": Environment.TEST,
        "iss": ISS,
        "provider_client_id": "provider",
    }
    return Content(**usual | changes)


async def awaiting(db: Database, tenant: TenantId, office: Office, approver: MemberId, **changes: Any) -> Version:
    async with db.tenant(tenant) as tx:
        return await office.submitted(tx, content(approver=approver, **changes), member=person())


async def code_of(work: Any) -> str:
    """How an act that must be refused is refused: its code, or those of its fields."""
    with pytest.raises(VestibuleError) as refused:
        await work
    if isinstance(refused.value, InvalidFields):
        return ", ".join(f"{field}: {code}" for field, code in sorted(refused.value.fields.items()))
    return refused.value.code
