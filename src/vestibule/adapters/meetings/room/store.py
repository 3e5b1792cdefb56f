"""Seats and used passes, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, random_bytes
from vestibule.platform.db import Tx


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a connected person sits.

    Attributes:
        page: the name the page gave itself; another page of the same person gets a new `peer`.
        peer: what the others address.
        gen: grows with each reconnect of the page.
        holder: the socket that has the seat now.
    """

    participant: ParticipantId
    page: str
    peer: str
    gen: int
    holder: str


class SeatStore:
    """The seats of a visit. Written only while the visit's row is locked."""

    async def take(self, tenant: TenantId, tx: Tx, visit: VisitId, participant: ParticipantId, *, page: str, holder: str) -> Seat:
        """Sit down, or come back to the seat this page still has."""
        row = await tx.fetchrow(
            "insert into room_seats as s (tenant_id, participant_id, visit_id, page, peer, gen, holder) values ($1, $2, $3, $4, $5, 1, $6)"
            " on conflict (tenant_id, participant_id) do update set visit_id = $3, page = $4, holder = $6,"
            " peer = case when s.page = $4 and s.visit_id = $3 then s.peer else $5 end,"
            " gen = case when s.page = $4 and s.visit_id = $3 then s.gen + 1 else 1 end"
            " returning page, peer, gen, holder",
            tenant,
            participant,
            visit,
            page,
            random_bytes(12).hex(),
            holder,
        )
        if row is None:
            raise RuntimeError("a seat was not written")
        return Seat(participant, **dict(row))

    async def of(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Seat]:
        """Everyone who sits."""
        rows = await tx.fetch(
            "select participant_id, page, peer, gen, holder from room_seats where tenant_id = $1 and visit_id = $2 order by peer",
            tenant,
            visit,
        )
        return [Seat(ParticipantId(r["participant_id"]), r["page"], r["peer"], r["gen"], r["holder"]) for r in rows]

    async def clear(self, tenant: TenantId, tx: Tx, visit: VisitId, participant: ParticipantId | None) -> None:
        """One person's seat is free, or, with None, all are."""
        await tx.execute(
            "delete from room_seats where tenant_id = $1 and visit_id = $2 and ($3::uuid is null or participant_id = $3)",
            tenant,
            visit,
            participant,
        )

    async def use_pass(self, tenant: TenantId, tx: Tx, nonce: str, *, expires_at: datetime, now: datetime) -> bool:
        """Write a pass down as used; False when it was used before, on whatever node. What has expired is forgotten."""
        await tx.execute("delete from room_passes_used where tenant_id = $1 and expires_at < $2", tenant, now)
        done = await tx.execute(
            "insert into room_passes_used (tenant_id, nonce, expires_at) values ($1, $2, $3) on conflict do nothing",
            tenant,
            nonce,
            expires_at,
        )
        return done == "INSERT 0 1"
