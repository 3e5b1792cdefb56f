"""The SQL of a feed's settings and of the certificates by which senders prove themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from vestibule.feed.certificates import ReadCertificate, key_words
from vestibule.feed.model import FeedCertificate, FeedSettings, Rule, RuleField
from vestibule.kit.ids import ConnectionId, MemberId, TenantId
from vestibule.platform.db import Tx
from vestibule.visits.model import Place

_COLUMNS = "enabled, csn_from, department_from, zone, region, raw_hours, http_status, plain_port, networks, rules"
_CERTIFICATE = "id, connection_id, key_hash, certificate, subject, not_before, not_after, added_at"
_json = msgspec.json.Encoder()


class FeedSettingsStore:
    """One row a connection; none where nobody has set anything."""

    async def find(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, lock: bool = False) -> FeedSettings | None:
        """The settings; with `lock` nobody else changes them before this transaction is over."""
        row = await tx.fetchrow(
            f"select connection_id, {_COLUMNS}, revision from feed_settings where tenant_id = $1 and connection_id = $2"
            f"{' for update' if lock else ''}",
            tenant,
            connection,
        )
        return None if row is None else _settings(row)

    async def all(self, tenant: TenantId, tx: Tx) -> list[FeedSettings]:
        """Those of every connection."""
        rows = await tx.fetch(f"select connection_id, {_COLUMNS}, revision from feed_settings where tenant_id = $1", tenant)
        return [_settings(row) for row in rows]

    async def put(self, tenant: TenantId, tx: Tx, one: FeedSettings, at: datetime) -> bool:
        """Write all of it, as its revision says; False when the plain port is another connection's, of whatever organisation."""
        rules = _json.encode([[r.field.value, r.matches, r.virtual, r.place.value] for r in one.rules]).decode()
        values = (one.enabled, one.csn_from, one.department_from, one.zone, one.region, one.raw_hours, one.http_status, one.plain_port)
        try:
            async with tx.savepoint():
                await tx.execute(
                    f"insert into feed_settings (tenant_id, connection_id, {_COLUMNS}, revision, changed_at)"
                    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14)"
                    f" on conflict (tenant_id, connection_id) do update set ({_COLUMNS}, revision, changed_at)"
                    " = ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14)",
                    tenant,
                    one.connection,
                    *values,
                    list(one.networks),
                    rules,
                    one.revision,
                    at,
                )
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def keep_shorter(self, tenant: TenantId, tx: Tx, connection: ConnectionId, hours: int) -> None:
        """What is kept already is kept no longer than this."""
        await tx.execute(
            "update feed_inbox set keep_until = least(keep_until, received_at + make_interval(hours => $3))"
            " where tenant_id = $1 and connection_id = $2 and body is not null",
            tenant,
            connection,
            hours,
        )

    # ------------------------------------------------------------------ certificates

    async def certificates(self, tenant: TenantId, tx: Tx, connection: ConnectionId | None = None) -> list[FeedCertificate]:
        """Those that were not removed, of one connection or of all, the one that ends last first."""
        rows = await tx.fetch(
            f"select {_CERTIFICATE} from feed_certificates where tenant_id = $1 and removed_at is null"
            " and ($2::uuid is null or connection_id = $2) order by not_after desc, id",
            tenant,
            connection,
        )
        return [_certificate(row) for row in rows]

    async def add_certificate(
        self,
        tenant: TenantId,
        tx: Tx,
        connection: ConnectionId,
        certificate: UUID,
        read: ReadCertificate,
        *,
        by: MemberId | None,
        at: datetime,
    ) -> bool:
        """Keep one; False when its key is somebody's already, of whatever organisation."""
        done = await tx.fetchval(
            "insert into feed_certificates (tenant_id, id, connection_id, key_hash, certificate, subject, not_before, not_after,"
            " added_by, added_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            " on conflict (key_hash) where removed_at is null do nothing returning true",
            tenant,
            certificate,
            connection,
            read.key_hash,
            read.der,
            read.subject,
            read.not_before,
            read.not_after,
            by,
            at,
        )
        return bool(done)

    async def remove_certificate(self, tenant: TenantId, tx: Tx, connection: ConnectionId, certificate: UUID, at: datetime) -> bool:
        """Nobody proves themselves by it any more; False when there is no such."""
        done = await tx.fetchval(
            "update feed_certificates set removed_at = $4 where tenant_id = $1 and connection_id = $2 and id = $3 and removed_at is null"
            " returning true",
            tenant,
            connection,
            certificate,
            at,
        )
        return bool(done)


def _settings(row: Any) -> FeedSettings:
    return FeedSettings(
        connection=ConnectionId(row["connection_id"]),
        networks=tuple(row["networks"]),
        rules=_rules(row["rules"]),
        **{name: row[name] for name in ("enabled", "csn_from", "department_from", "zone", "region", "raw_hours", "http_status")},
        plain_port=row["plain_port"],
        revision=row["revision"],
    )


def _rules(text: str) -> tuple[Rule, ...]:
    rows: Sequence[Any] = msgspec.json.decode(text)
    return tuple(Rule(RuleField(field), matches, virtual, Place(place)) for field, matches, virtual, place in rows)


def _certificate(row: Any) -> FeedCertificate:
    return FeedCertificate(
        id=row["id"],
        connection=ConnectionId(row["connection_id"]),
        subject=row["subject"],
        key=key_words(row["certificate"]),
        key_hash=row["key_hash"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        added_at=row["added_at"],
    )
