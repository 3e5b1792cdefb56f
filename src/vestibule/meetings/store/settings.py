"""The SQL of how an organisation is connected to its Microsoft 365."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from vestibule.kit.ids import TenantId
from vestibule.meetings.model import Settings
from vestibule.platform.db import Tx

Row = asyncpg.Record


class SettingsStore:
    """Rows of `meeting_settings`."""

    async def get(self, tenant: TenantId, tx: Tx) -> Row | None:
        """The row; None where nobody set anything."""
        return await tx.fetchrow("select * from meeting_settings where tenant_id = $1", tenant)

    async def put(self, tenant: TenantId, tx: Tx, one: Settings, *, secret: bytes | None, at: datetime) -> bool:
        """Keep it if nobody was quicker: `one.revision` is the stored one (0 for none yet). False where somebody was."""
        kept = await tx.fetchrow(
            "insert into meeting_settings as s (tenant_id, kind, directory, client_id, proof, secret_sealed, default_host, teams_lobby, "
            "recording, announce, opens, revision, changed_at, tested_at, test_code) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 + 1, $13, $14, $15) "
            "on conflict (tenant_id) do update set kind = $2, directory = $3, client_id = $4, proof = $5, secret_sealed = $6, "
            "default_host = $7, teams_lobby = $8, recording = $9, announce = $10, opens = $11, revision = $12 + 1, changed_at = $13, "
            "tested_at = $14, test_code = $15 where s.revision = $12 returning s.revision",
            tenant,
            one.kind.value,
            one.directory,
            one.client_id,
            one.proof.value,
            secret,
            one.default_host,
            one.teams_lobby,
            one.recording,
            one.announce,
            one.opens.value,
            one.revision,
            at,
            one.tested_at,
            one.test_code,
        )
        return kept is not None and kept["revision"] == one.revision + 1

    async def tested(self, tenant: TenantId, tx: Tx, revision: int, *, at: datetime, code: str) -> None:
        """What came of a test, unless somebody changed something meanwhile."""
        await tx.execute(
            "update meeting_settings set tested_at = $3, test_code = $4 where tenant_id = $1 and revision = $2", tenant, revision, at, code
        )

    async def forget_people(self, tenant: TenantId, tx: Tx) -> int:
        """Another directory: the object ids of the old one mean nothing there. How many were bound."""
        return len(await tx.fetch("delete from meeting_bindings where tenant_id = $1 returning id", tenant))
