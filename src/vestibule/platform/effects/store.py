"""Reads and writes of the effects' tables. What a tenant's own code calls takes the tenant first; what workers call sees all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from vestibule.kit.ids import EffectId, TenantId, VisitId
from vestibule.platform.db import Tx
from vestibule.platform.effects import sql
from vestibule.platform.effects.model import Attempt, Effect, EffectRow, EffectRows, EffectState, Finished, Logs, Promise

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class EffectStore:
    """A tenant's view: what its own code enqueues, lists and decides."""

    async def add(
        self,
        tenant: TenantId,
        tx: Tx,
        *,
        effect: EffectId,
        visit: VisitId | None,
        kind: str,
        destination: str,
        promise: Promise,
        key: str,
        about: str,
        payload: str,
        run_at: datetime | None,
    ) -> bool:
        """Write one down; False when the tenant has one of that key."""
        args = (tenant, effect, visit, kind, destination, promise.value, key, about, payload, run_at)
        return await tx.fetchval(sql.ENQUEUE, *args) is not None

    async def list(
        self,
        tenant: TenantId,
        tx: Tx,
        *,
        states: Collection[EffectState] | None,
        visit: VisitId | None,
        limit: int,
        kinds: Collection[str] | None = None,
    ) -> EffectRows:
        """The newest first."""
        wanted = None if states is None else [s.value for s in states]
        return [_row(r) for r in await tx.fetch(sql.LIST, tenant, wanted, visit, limit, None if kinds is None else list(kinds))]

    async def failed(self, tenant: TenantId, tx: Tx, kinds: Collection[str] | None = None) -> int:
        """How many are dead or unknown and not overtaken."""
        return int(await tx.fetchval(sql.FAILED, tenant, None if kinds is None else list(kinds)))

    async def lock(self, tenant: TenantId, tx: Tx, effect: EffectId) -> tuple[EffectRow, int] | None:
        """One effect and its fence, held until the transaction ends."""
        r = await tx.fetchrow(sql.LOCK, tenant, effect)
        return None if r is None else (_row(r), r["fence"])

    async def decide(self, tenant: TenantId, tx: Tx, effect: EffectId, state: EffectState, *, number: int, word: str, by: str) -> None:
        """A person's decision: the new state, and a row in the log. Whoever waited behind it may be looked at again."""
        await tx.execute(sql.SET_STATE, tenant, effect, state.value)
        await tx.execute(sql.LOG, tenant, effect, number, word, by)
        await tx.execute(sql.UNPARK, tenant, effect)

    async def postpone(self, tenant: TenantId, tx: Tx, effect: EffectId, run_at: datetime) -> bool:
        """Mean it for another time; False when it does not wait any more."""
        return await tx.fetchval(sql.POSTPONE, tenant, effect, run_at) is not None

    async def move(self, tenant: TenantId, tx: Tx, visit: VisitId, into: VisitId) -> None:
        """Put a visit's effects into the lanes of another visit."""
        await tx.execute(sql.MOVE, tenant, visit, into)

    async def owed(self, tenant: TenantId, tx: Tx, visit: VisitId, kind: str) -> bool:
        """Whether anything of that kind is neither done nor given up."""
        return bool(await tx.fetchval(sql.OWED, tenant, visit, kind))

    async def attempts(self, tenant: TenantId, tx: Tx, effects: Collection[EffectId]) -> Logs:
        """The logs of some effects, oldest first."""
        logs: Logs = {}
        for r in await tx.fetch(sql.ATTEMPTS, tenant, list(effects)):
            attempt = Attempt(r["number"], r["outcome"], r["code"], r["started_at"], r["ended_at"], r["by"])
            logs.setdefault(r["effect_id"], []).append(attempt)
        return logs


class DispatchStore:
    """The workers' view of every tenant's queue. `tx` is a dispatcher's."""

    async def claim(
        self, tx: Tx, *, kinds: Sequence[str], busy: Mapping[str, int], limit: int, per_destination: int, worker: str, lease: float
    ) -> list[Effect]:
        """Take what is due, at most `limit`, heads of lanes only, and never more to one destination than it can bear."""
        full = [d for d, n in busy.items() if n >= per_destination]
        args = (kinds, full, list(busy), list(busy.values()), limit, per_destination, worker, lease)
        rows = await tx.fetch(sql.CLAIM, *args)
        return [_effect(r) for r in sorted(rows, key=_seq)]

    async def renew(self, tx: Tx, effects: Sequence[Effect], lease: float) -> None:
        """Keep the leases of what still runs."""
        ordered = sorted(effects, key=_own_id)
        columns = ([e.tenant for e in ordered], [e.id for e in ordered], [e.fence for e in ordered])
        await tx.execute(sql.RENEW, *columns, lease)

    async def finish(self, tx: Tx, finished: Sequence[Finished]) -> set[EffectId]:
        """Write outcomes down; returns those that were still ours to complete."""
        ordered = sorted(finished, key=_id)
        columns = (
            [f.effect.tenant for f in ordered],
            [f.effect.id for f in ordered],
            [f.effect.fence for f in ordered],
            [f.verdict.state.value for f in ordered],
            [f.verdict.code for f in ordered],
            [f.verdict.delay for f in ordered],
        )
        ours = {EffectId(r["id"]) for r in await tx.fetch(sql.FINISH, *columns)}
        held = [f.effect for f in ordered if f.verdict.state is EffectState.READY and f.effect.id in ours]
        if held:
            await tx.execute(sql.PARK, [e.tenant for e in held], [e.id for e in held])
        return ours

    async def rescue(self, tx: Tx, *, tries: int, code: str) -> list[tuple[str, str]]:
        """Free what vanished workers held; returns (kind, new state) of each."""
        return [(r["kind"], r["state"]) for r in await tx.fetch(sql.RESCUE, tries, code)]

    async def next_due(self, tx: Tx) -> float | None:
        """Seconds until the next effect becomes due or the next lease runs out."""
        seconds: float | None = await tx.fetchval(sql.NEXT_DUE)
        return seconds


def _seq(r: Any) -> int:
    return int(r["seq"])


def _own_id(e: Effect) -> EffectId:
    return e.id


def _id(f: Finished) -> EffectId:
    return f.effect.id


def _effect(r: Any) -> Effect:
    return Effect(
        id=r["id"],
        tenant=r["tenant_id"],
        visit=r["visit_id"],
        kind=r["kind"],
        destination=r["destination"],
        promise=Promise(r["promise"]),
        key=r["key"],
        payload=_decode(r["payload"]),
        attempts=r["attempts"],
        created_at=r["created_at"],
        fence=r["fence"],
        late=r["late"],
        code=r["code"],
    )


def _row(r: Any) -> EffectRow:
    return EffectRow(
        id=r["id"],
        visit=r["visit_id"],
        kind=r["kind"],
        destination=r["destination"],
        promise=Promise(r["promise"]),
        key=r["key"],
        payload=_decode(r["payload"]),
        state=EffectState(r["state"]),
        attempts=r["attempts"],
        code=r["code"],
        created_at=r["created_at"],
        run_at=r["run_at"],
        ended_at=r["ended_at"],
        overtaken=r["overtaken"],
    )
