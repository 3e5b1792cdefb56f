"""The SQL of what is sent: consents, policies, texts of one's own, and test recipients."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.messages.kept import Consent
from vestibule.messages.model import Policy, Wording
from vestibule.platform.db import Tx

Row = asyncpg.Record


class PolicyStore:
    """Rows of `message_consents`, `message_policies`, `message_wordings` and `message_test_recipients`."""

    async def consent(self, tenant: TenantId, tx: Tx, *, lock: bool = False) -> Consent:
        """The boxes as they are; empty ones where nobody was asked yet."""
        row = await tx.fetchrow(
            "select behalf_by, behalf_at, patients_by, patients_at, revision from message_consents where tenant_id = $1"
            f"{' for no key update' if lock else ''}",
            tenant,
        )
        return Consent() if row is None else Consent(**dict(row))

    async def put_consent(self, tenant: TenantId, tx: Tx, one: Consent) -> None:
        """Keep the boxes."""
        await tx.execute(
            "insert into message_consents (tenant_id, behalf_by, behalf_at, patients_by, patients_at, revision) "
            "values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id) do update set behalf_by = $2, behalf_at = $3, patients_by = $4, "
            "patients_at = $5, revision = $6",
            tenant,
            one.behalf_by,
            one.behalf_at,
            one.patients_by,
            one.patients_at,
            one.revision,
        )

    # ------------------------------------------------------------------ policies

    async def policy(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, lock: bool = False) -> Row | None:
        """What is sent for a connection, with `consented`; None where nobody set it up."""
        return await tx.fetchrow(
            "select p.*, coalesce(c.behalf_at is not null and c.patients_at is not null, false) as consented "
            "from message_policies p left join message_consents c on c.tenant_id = p.tenant_id "
            f"where p.tenant_id = $1 and p.connection_id = $2{' for no key update of p' if lock else ''}",
            tenant,
            connection,
        )

    async def policies(self, tenant: TenantId, tx: Tx) -> list[Row]:
        """Every connection's."""
        return await tx.fetch(
            "select p.*, coalesce(c.behalf_at is not null and c.patients_at is not null, false) as consented "
            "from message_policies p left join message_consents c on c.tenant_id = p.tenant_id where p.tenant_id = $1 "
            "order by p.connection_id",
            tenant,
        )

    async def put_policy(self, tenant: TenantId, tx: Tx, one: Policy, at: datetime) -> None:
        """Keep it."""
        await tx.execute(
            "insert into message_policies (tenant_id, connection_id, on_scheduled, on_updated, on_cancelled, reminders, "
            "quiet_from, quiet_to, language, channels, revision, changed_at, gap_minutes) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
            "on conflict (tenant_id, connection_id) do update set on_scheduled = $3, on_updated = $4, on_cancelled = $5, reminders = $6, "
            "quiet_from = $7, quiet_to = $8, language = $9, channels = $10, revision = $11, changed_at = $12, "
            "gap_minutes = $13",
            tenant,
            one.connection,
            one.on_scheduled,
            one.on_updated,
            one.on_cancelled,
            list(one.reminders),
            one.quiet_from,
            one.quiet_to,
            one.language,
            [channel.value for channel in one.channels],
            one.revision,
            at,
            one.gap_minutes,
        )

    async def hold_policy(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> None:
        """Whoever saves this connection's policy comes one after the other, also the first time."""
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::uuid::text, 23))", tenant, connection)

    # ------------------------------------------------------------------ texts

    async def wordings(self, tenant: TenantId, tx: Tx, connection: ConnectionId, language: str | None = None) -> list[Row]:
        """Texts of its own; of one language, or of all."""
        return await tx.fetch(
            "select language, channel, purpose, place, text, subject, revision from message_wordings "
            "where tenant_id = $1 and connection_id = $2 and ($3::text is null or language = $3)",
            tenant,
            connection,
            language,
        )

    async def wording(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, language: str, channel: str, purpose: str, place: str
    ) -> Row | None:
        """A text of its own."""
        return await tx.fetchrow(
            "select text, subject, revision from message_wordings where tenant_id = $1 and connection_id = $2 and language = $3 "
            "and channel = $4 and purpose = $5 and place = $6",
            tenant,
            connection,
            language,
            channel,
            purpose,
            place,
        )

    async def put_wording(self, tenant: TenantId, tx: Tx, connection: ConnectionId, one: Wording, at: datetime) -> None:
        """Keep a text."""
        await tx.execute(
            "insert into message_wordings (tenant_id, connection_id, language, channel, purpose, place, text, subject, changed_at) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant_id, connection_id, language, channel, purpose, place) "
            "do update set text = $7, subject = $8, changed_at = $9, revision = message_wordings.revision + 1",
            tenant,
            connection,
            one.language,
            one.channel.value,
            one.purpose.value,
            one.place.value,
            one.text,
            one.subject,
            at,
        )

    async def drop_wording(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, language: str, channel: str, purpose: str, place: str
    ) -> None:
        """Back to the ready-made text."""
        await tx.execute(
            "delete from message_wordings where tenant_id = $1 and connection_id = $2 and language = $3 and channel = $4 and purpose = $5 "
            "and place = $6",
            tenant,
            connection,
            language,
            channel,
            purpose,
            place,
        )

    # ------------------------------------------------------------------ test recipients

    async def is_test(self, tenant: TenantId, tx: Tx, keys: list[bytes]) -> bool:
        """Whether an address is for trying things out; `keys` are its fingerprints under every key."""
        return bool(
            await tx.fetchval(
                "select exists (select from message_test_recipients where tenant_id = $1 and address_key = any($2))", tenant, keys
            )
        )

    async def tests_among(self, tenant: TenantId, tx: Tx, keys: list[bytes]) -> set[bytes]:
        """Those of these fingerprints that are of addresses for trying things out."""
        sql = "select address_key from message_test_recipients where tenant_id = $1 and address_key = any($2::bytea[])"
        return {bytes(row["address_key"]) for row in await tx.fetch(sql, tenant, keys)}

    async def test_recipients(self, tenant: TenantId, tx: Tx) -> list[Row]:
        """All of them, in the order in which they were added."""
        return await tx.fetch(
            "select id, channel, address_sealed, label from message_test_recipients where tenant_id = $1 order by added_at, id", tenant
        )

    async def add_test_recipient(
        self, tenant: TenantId, tx: Tx, recipient: UUID, *, channel: str, sealed: bytes, key: bytes, label: str, at: datetime
    ) -> UUID:
        """Keep one; when the address is there already, that one gets the new label. Its id."""
        found: UUID = await tx.fetchval(
            "insert into message_test_recipients (tenant_id, id, channel, address_sealed, address_key, label, added_at) "
            "values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, address_key) do update set label = excluded.label "
            "returning id",
            tenant,
            recipient,
            channel,
            sealed,
            key,
            label,
            at,
        )
        return found

    async def remove_test_recipient(self, tenant: TenantId, tx: Tx, recipient: UUID) -> bool:
        """Forget one; False when it was not there."""
        status = await tx.execute("delete from message_test_recipients where tenant_id = $1 and id = $2", tenant, recipient)
        return status != "DELETE 0"
