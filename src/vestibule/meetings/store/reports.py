"""The SQL of `meeting_reports` and `meeting_quality`: which attendance reports were merged, and how well people heard and saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.meetings.model import CallRecord, Leg, Report
from vestibule.platform.db import Tx


@dataclass(frozen=True, slots=True)
class Merged:
    """A report that was merged."""

    id: str
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """How one connection of somebody was.

    Attributes:
        participant: None for somebody who did not come through us.
    """

    participant: ParticipantId | None
    began_at: datetime | None
    over_at: datetime | None
    measures: Mapping[str, Any]


class ReportStore:
    """Rows of both."""

    async def merged(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Merged]:
        """A visit's reports, oldest first."""
        rows = await tx.fetch(
            "select report_id, started_at, ended_at from meeting_reports where tenant_id = $1 and visit_id = $2 order by ended_at",
            tenant,
            visit,
        )
        return [Merged(row["report_id"], row["started_at"], row["ended_at"]) for row in rows]

    async def merge(self, tenant: TenantId, tx: Tx, visit: VisitId, report: Report, at: datetime) -> bool:
        """This report is merged by this transaction; False where one before it did that."""
        done = await tx.fetchval(
            "insert into meeting_reports (tenant_id, visit_id, report_id, started_at, ended_at, people, merged_at)"
            " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true",
            tenant,
            visit,
            report.id,
            report.started_at,
            report.ended_at,
            report.people,
            at,
        )
        return bool(done)

    async def keep(
        self, tenant: TenantId, tx: Tx, visit: VisitId, record: CallRecord, legs: Sequence[tuple[ParticipantId | None, Leg]]
    ) -> bool:
        """What a call record measured, in the place of an older version of it; False where this one or a newer one is kept."""
        known = await tx.fetchval(
            "select max(version) from meeting_quality where tenant_id = $1 and visit_id = $2 and record_id = $3", tenant, visit, record.id
        )
        if known is not None and known >= record.version:
            return False
        await tx.execute("delete from meeting_quality where tenant_id = $1 and visit_id = $2 and record_id = $3", tenant, visit, record.id)
        await tx.executemany(
            "insert into meeting_quality (tenant_id, visit_id, record_id, seat, participant_id, version, began_at, over_at, measures)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)",
            [
                (tenant, visit, record.id, leg.seat, who, record.version, leg.began_at, leg.over_at, json.dumps(dict(leg.measures)))
                for who, leg in legs
            ],
        )
        return True

    async def quality(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Measured]:
        """What was measured in a visit's meeting, in the order in which people came."""
        rows = await tx.fetch(
            "select participant_id, began_at, over_at, measures from meeting_quality where tenant_id = $1 and visit_id = $2"
            " order by began_at nulls last, record_id, seat",
            tenant,
            visit,
        )
        return [_measured(row) for row in rows]


def _measured(row: Any) -> Measured:
    who, measures = row["participant_id"], row["measures"]
    said = json.loads(measures) if isinstance(measures, str) else measures
    return Measured(None if who is None else ParticipantId(who), row["began_at"], row["over_at"], said)
