"""Somebody who sets up messages: the services that change settings, with a note of what was planned anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.carrying import AccountWish, Carrying
from vestibule.messages.model import Account, CarrierKind, Channel, Policy, Sender
from vestibule.messages.policies import Policies
from vestibule.messages.setting import MessageSettings
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import Tenancy

TEST_BOX = SecretBox([("k1", b"1" * 32)])
# Ready to be kept: the account is given by `add_sender`.
NOBODY = Account(UUID(int=0), TenantId(UUID(int=0)), CarrierKind.CONSOLE, "")


@dataclass
class MessageOffice:
    """The services, on one box and one clock."""

    clock: Clock = field(default_factory=SystemClock)
    box: SecretBox = TEST_BOX
    loopback: bool = True
    plain_mail: bool = False
    replanned: list[ConnectionId] = field(default_factory=list)

    def __post_init__(self) -> None:
        audit = Audit(self.clock)
        self.tenancy = Tenancy(self.clock, self.box)
        self.settings = MessageSettings(self.box)
        common: dict[str, Any] = {
            "clock": self.clock,
            "box": self.box,
            "audit": audit,
            "tenancy": self.tenancy,
            "settings": self.settings,
            "replan": self.replan,
        }
        self.carrying = Carrying(**common, loopback=self.loopback, plain_mail=self.plain_mail)
        self.policies = Policies(**common)

    async def replan(self, _: Tx, connection: ConnectionId) -> None:
        """Somebody would plan anew here."""
        self.replanned.append(connection)

    async def connection(self, tx: Tx, iss: str = "https://ehr.alder.example/r4") -> ConnectionId:
        """A connection without keys."""
        assert tx.tenant
        one = Connection(
            id=ConnectionId(new_id()), tenant=tx.tenant, name="Alder", vendor=Vendor.GENERIC, environment=Environment.TEST, iss=iss
        )
        await self.tenancy.add_connection(tx, one)
        return one.id

    async def account(self, tx: Tx, kind: CarrierKind = CarrierKind.CONSOLE, **wish: Any) -> Account:
        """An account at a carrier."""
        usual: dict[CarrierKind, dict[str, Any]] = {
            CarrierKind.TWILIO: {"user": "AC" + "0" * 32, "secret": "canary-token"},
            CarrierKind.AZURE: {"endpoint": "https://alder.communication.azure.com", "secret": "Y2FuYXJ5LWtleQ=="},
            CarrierKind.SMTP: {"endpoint": "mail.alder.example:587", "user": "visits", "secret": "canary-password"},
            CarrierKind.CONSOLE: {},
        }
        return await self.carrying.add_account(tx, AccountWish(**{"kind": kind, "name": kind.value, **usual[kind], **wish}), by=SYSTEM)

    async def sender(
        self,
        tx: Tx,
        account: Account,
        *connections: ConnectionId,
        address: str = "+18335550100",
        channel: Channel = Channel.SMS,
        **more: Any,
    ) -> Sender:
        """A sender of an account, linked to connections."""
        one = await self.carrying.add_sender(tx, account.id, Sender(UUID(int=0), NOBODY, channel, address, **more), by=SYSTEM)
        await self.carrying.link(tx, one.id, connections, by=SYSTEM)
        return one

    async def consented(self, tx: Tx) -> None:
        """Both boxes."""
        await self.policies.consent(tx, behalf=True, patients=True, by=SYSTEM)

    async def policy(self, tx: Tx, connection: ConnectionId, **changes: Any) -> Policy:
        """What is sent for a connection."""
        was = await self.settings.policy(tx, connection)
        return await self.policies.set_policy(tx, connection, changes, revision=was.revision if was else 0, by=SYSTEM)
