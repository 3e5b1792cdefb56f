"""The SQL of who carries messages: accounts, senders, and which connections a sender writes for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.messages.model import Account, Sender
from vestibule.platform.db import Database, Tx

Row = asyncpg.Record
_ACCOUNT = (
    "a.id as account_id, a.kind, a.name as account_name, a.endpoint, a.username, a.secret_sealed, a.hook_secret_sealed, a.position, "
    "a.settings, a.revision as account_revision, a.tested_at, a.test_code"
)
_SENDER = "s.id, s.channel, s.address, s.name, s.per_minute, s.verification, s.excluded, s.revision"


class CarryingStore:
    """Rows of `message_accounts`, `message_senders` and `message_sender_links`."""

    async def whose(self, db: Database, account: UUID) -> TenantId | None:
        """The organisation an account belongs to."""
        found = (await db.ask("select whose_message_account($1)", account))[0][0]
        return None if found is None else TenantId(found)

    # ------------------------------------------------------------------ accounts

    async def accounts(self, tenant: TenantId, tx: Tx) -> list[Row]:
        """Those in use, in the order in which they are tried."""
        return await tx.fetch(
            f"select {_ACCOUNT} from message_accounts a where a.tenant_id = $1 and a.removed_at is null "
            "order by a.position, a.added_at, a.id",
            tenant,
        )

    async def account(self, tenant: TenantId, tx: Tx, account: UUID, *, lock: bool = False) -> Row | None:
        """One that is in use."""
        return await tx.fetchrow(
            f"select {_ACCOUNT} from message_accounts a where a.tenant_id = $1 and a.id = $2 and a.removed_at is null"
            f"{' for no key update' if lock else ''}",
            tenant,
            account,
        )

    async def add_account(
        self, tenant: TenantId, tx: Tx, one: Account, *, secret: bytes | None, hook_secret: bytes | None, at: datetime
    ) -> None:
        """Keep a new one."""
        await tx.execute(
            "insert into message_accounts (tenant_id, id, kind, name, endpoint, username, secret_sealed, hook_secret_sealed, position, "
            "settings, added_at, changed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
            tenant,
            one.id,
            one.kind.value,
            one.name,
            one.endpoint,
            one.user,
            secret,
            hook_secret,
            one.order,
            _json(one.settings),
            at,
        )

    async def change_account(
        self, tenant: TenantId, tx: Tx, one: Account, *, secret: bytes | None, hook_secret: bytes | None, at: datetime
    ) -> None:
        """Replace it; what was found when it was tested says nothing about what it is now."""
        await tx.execute(
            "update message_accounts set name = $3, endpoint = $4, username = $5, secret_sealed = $6, hook_secret_sealed = $7, "
            "position = $8, settings = $9, changed_at = $10, tested_at = null, test_code = '', revision = revision + 1 "
            "where tenant_id = $1 and id = $2",
            tenant,
            one.id,
            one.name,
            one.endpoint,
            one.user,
            secret,
            hook_secret,
            one.order,
            _json(one.settings),
            at,
        )

    async def place_account(self, tenant: TenantId, tx: Tx, account: UUID, position: int) -> None:
        """Where in the order it is tried."""
        await tx.execute("update message_accounts set position = $3 where tenant_id = $1 and id = $2", tenant, account, position)

    async def tested(self, tenant: TenantId, tx: Tx, account: UUID, revision: int, *, at: datetime, code: str) -> None:
        """What came of a test, unless the account was changed meanwhile."""
        await tx.execute(
            "update message_accounts set tested_at = $4, test_code = $5 where tenant_id = $1 and id = $2 and revision = $3",
            tenant,
            account,
            revision,
            at,
            code,
        )

    async def remove_account(self, tenant: TenantId, tx: Tx, account: UUID, at: datetime) -> None:
        """Take it out of use; its secrets go."""
        await tx.execute(
            "update message_accounts set removed_at = $3, secret_sealed = null, hook_secret_sealed = null where tenant_id = $1 and id = $2",
            tenant,
            account,
            at,
        )

    # ------------------------------------------------------------------ senders

    async def senders(self, tenant: TenantId, tx: Tx) -> list[Row]:
        """Those in use with their accounts, and as `connections` those they write for."""
        return await tx.fetch(
            f"select {_SENDER}, {_ACCOUNT}, array(select l.connection_id from message_sender_links l "
            "where l.tenant_id = s.tenant_id and l.sender_id = s.id) as connections "
            "from message_senders s join message_accounts a on a.tenant_id = s.tenant_id and a.id = s.account_id and a.removed_at is null "
            "where s.tenant_id = $1 and s.removed_at is null order by a.position, a.added_at, s.added_at, s.id",
            tenant,
        )

    async def sender(self, tenant: TenantId, tx: Tx, sender: UUID, *, lock: bool = False) -> Row | None:
        """One that is in use."""
        return await tx.fetchrow(
            f"select {_SENDER}, {_ACCOUNT}, array(select l.connection_id from message_sender_links l "
            "where l.tenant_id = s.tenant_id and l.sender_id = s.id) as connections "
            "from message_senders s join message_accounts a on a.tenant_id = s.tenant_id and a.id = s.account_id and a.removed_at is null "
            f"where s.tenant_id = $1 and s.id = $2 and s.removed_at is null{' for no key update of s' if lock else ''}",
            tenant,
            sender,
        )

    async def route(self, tenant: TenantId, tx: Tx, connection: ConnectionId, channel: str) -> list[Row]:
        """Who may write for a connection, in the order in which they are to be tried."""
        return await tx.fetch(
            f"select {_SENDER}, {_ACCOUNT} from message_sender_links l "
            "join message_senders s on s.tenant_id = l.tenant_id and s.id = l.sender_id and s.removed_at is null and s.channel = $3 "
            "join message_accounts a on a.tenant_id = s.tenant_id and a.id = s.account_id and a.removed_at is null "
            "where l.tenant_id = $1 and l.connection_id = $2 order by a.position, a.added_at, s.added_at, s.id",
            tenant,
            connection,
            channel,
        )

    async def add_sender(self, tenant: TenantId, tx: Tx, one: Sender, at: datetime) -> None:
        """Keep a new one.

        Raises:
            asyncpg.UniqueViolationError: the account has it already.
        """
        await tx.execute(
            "insert into message_senders (tenant_id, id, account_id, channel, address, name, per_minute, verification, excluded, added_at) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            tenant,
            one.id,
            one.account.id,
            one.channel.value,
            one.address,
            one.name,
            one.per_minute,
            one.verification.value,
            list(one.excluded),
            at,
        )

    async def change_sender(self, tenant: TenantId, tx: Tx, one: Sender) -> None:
        """Replace what can be changed of it: its address and account are what it is."""
        await tx.execute(
            "update message_senders set name = $3, per_minute = $4, verification = $5, excluded = $6, revision = revision + 1 "
            "where tenant_id = $1 and id = $2",
            tenant,
            one.id,
            one.name,
            one.per_minute,
            one.verification.value,
            list(one.excluded),
        )

    async def has_sender(self, tenant: TenantId, tx: Tx, account: UUID, channel: str, address: str) -> bool:
        """Whether an account has this sender already."""
        return bool(
            await tx.fetchval(
                "select exists (select from message_senders where tenant_id = $1 and account_id = $2 and channel = $3 "
                "and lower(address) = lower($4) and removed_at is null)",
                tenant,
                account,
                channel,
                address,
            )
        )

    async def remove_sender(self, tenant: TenantId, tx: Tx, sender: UUID, at: datetime) -> None:
        """Take it out of use; its row stays for what it sent."""
        await tx.execute("update message_senders set removed_at = $3 where tenant_id = $1 and id = $2", tenant, sender, at)
        await tx.execute("delete from message_sender_links where tenant_id = $1 and sender_id = $2", tenant, sender)

    async def link(self, tenant: TenantId, tx: Tx, sender: UUID, connections: Iterable[ConnectionId]) -> None:
        """Exactly these connections from now on."""
        wanted = list(connections)
        await tx.execute(
            "delete from message_sender_links where tenant_id = $1 and sender_id = $2 and not connection_id = any($3)",
            tenant,
            sender,
            wanted,
        )
        await tx.execute(
            "insert into message_sender_links (tenant_id, sender_id, connection_id) "
            "select $1, $2, unnest($3::uuid[]) on conflict do nothing",
            tenant,
            sender,
            wanted,
        )

    async def next_position(self, tenant: TenantId, tx: Tx) -> int:
        """Behind all accounts in use."""
        return int(
            await tx.fetchval(
                "select coalesce(max(position), 0) + 1 from message_accounts where tenant_id = $1 and removed_at is null", tenant
            )
        )


def _json(settings: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(settings)).decode()
