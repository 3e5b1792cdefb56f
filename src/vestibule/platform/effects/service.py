"""What features call: write an effect down in their own transaction, list, re-drive, cancel, settle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from vestibule.errors import BadInput, Conflict, NotFound
from vestibule.kit.ids import EffectId, TenantId, VisitId, new_id
from vestibule.platform.db import Tx
from vestibule.platform.effects.model import CANCELLABLE, REDRIVABLE, Attempts, EffectRow, EffectRows, EffectState, Logs, Promise
from vestibule.platform.effects.store import EffectStore

CHANNEL = "vestibule_effect"
# Ids and codes fit easily; whatever does not is a body that belongs elsewhere, encrypted.
PAYLOAD_LIMIT = 4_096
KEY_LIMIT = 400


class Effects:
    """The outbox, seen from a feature."""

    def __init__(self, store: EffectStore | None = None) -> None:
        self._store = store or EffectStore()

    async def enqueue(
        self,
        tx: Tx,
        *,
        kind: str,
        destination: str,
        promise: Promise,
        key: str,
        payload: Mapping[str, Any],
        visit: VisitId | None = None,
        run_at: datetime | None = None,
        about: str = "",
    ) -> EffectId | None:
        """Promise an effect; it happens if and only if this transaction commits. None when the tenant has one of that key already.

        Order is kept among the effects of one visit to one destination, in the order of these calls: the caller holds the visit's
        row lock. Without a visit there is no order.

        Args:
            tx: the caller's transaction, bound to a tenant.
            kind: picks the handler.
            destination: where it goes; with `visit` it names the lane.
            promise: what a lost answer means.
            key: one effect a (tenant, key).
            payload: ids and codes only, never patient data.
            visit: whose lane.
            run_at: not before then.
            about: what a status tells about; an older status of the same lane and subject is never told after a newer one.
        """
        tenant = _tenant_of(tx)
        body = msgspec.json.encode(payload)
        if len(body) > PAYLOAD_LIMIT or len(key) > KEY_LIMIT:
            raise BadInput("effect-too-large", "An effect's key or payload is longer than ids and codes can be.", phase="effect.enqueue")
        effect = EffectId(new_id())
        added = await self._store.add(
            tenant,
            tx,
            effect=effect,
            visit=visit,
            kind=kind,
            destination=destination,
            promise=promise,
            key=key,
            about=about,
            payload=body.decode(),
            run_at=run_at,
        )
        return effect if added else None

    async def list(
        self,
        tenant: TenantId,
        tx: Tx,
        *,
        states: Collection[EffectState] | None = None,
        visit: VisitId | None = None,
        limit: int = 100,
        kinds: Collection[str] | None = None,
    ) -> EffectRows:
        """The tenant's effects, newest first; of some kinds only, where they are named."""
        return await self._store.list(tenant, tx, states=states, visit=visit, limit=limit, kinds=kinds)

    async def get(self, tenant: TenantId, tx: Tx, effect: EffectId) -> EffectRow:
        """One effect, locked until the transaction ends; NotFound `effect-not-found`."""
        return (await self._locked(tenant, tx, effect))[0]

    async def failed(self, tenant: TenantId, tx: Tx, *, kinds: Collection[str] | None = None) -> int:
        """How many of the tenant's effects wait for a person's decision; of some kinds only, where they are named."""
        return await self._store.failed(tenant, tx, kinds)

    async def attempts(self, tenant: TenantId, tx: Tx, effect: EffectId) -> Attempts:
        """What was tried and decided for one effect, oldest first."""
        return (await self._store.attempts(tenant, tx, [effect])).get(effect, [])

    async def logs(self, tenant: TenantId, tx: Tx, effects: Collection[EffectId]) -> Logs:
        """The same for several at once; those without a log are left out."""
        return await self._store.attempts(tenant, tx, effects)

    async def move(self, tx: Tx, visit: VisitId, into: VisitId) -> None:
        """Two visits turned out to be one: what waits in the lanes of the one goes on in those of the other, in the order it came."""
        await self._store.move(_tenant_of(tx), tx, visit, into)

    async def owed(self, tx: Tx, visit: VisitId, kind: str) -> bool:
        """Whether anything of that kind is still to be done for a visit, by a worker or (dead, unknown) by a person's decision."""
        return await self._store.owed(_tenant_of(tx), tx, visit, kind)

    async def redrive(self, tenant: TenantId, tx: Tx, effect: EffectId, by: str) -> None:
        """A person sends a dead or unknown effect again, with all its tries before it.

        Raises:
            NotFound: `effect-not-found`.
            Conflict: `effect-not-redrivable` in any other state; `effect-overtaken` when a newer status about the same subject
                exists, for telling the older one now would make the record wrong.
        """
        row, fence = await self._locked(tenant, tx, effect)
        if row.state not in REDRIVABLE:
            raise Conflict(
                "effect-not-redrivable", f"This is {row.state}; only what is dead or unknown can be sent again.", phase="effect.redrive"
            )
        if row.overtaken:
            raise Conflict(
                "effect-overtaken", "Something newer was said about the same since; send that one again.", phase="effect.redrive"
            )
        await self._store.decide(tenant, tx, effect, EffectState.READY, number=fence, word="redriven", by=by)
        await tx.notify(CHANNEL, "")

    async def cancel(self, tenant: TenantId, tx: Tx, effect: EffectId, by: str) -> None:
        """Give an effect up: one that waits, or one whose failure no longer matters. Those behind it go on.

        Raises:
            NotFound: `effect-not-found`.
            Conflict: `effect-not-cancellable` when it runs just now or is over.
        """
        row, fence = await self._locked(tenant, tx, effect)
        if row.state not in CANCELLABLE:
            raise Conflict("effect-not-cancellable", f"This is {row.state} and can no longer be cancelled.", phase="effect.cancel")
        await self._store.decide(tenant, tx, effect, EffectState.CANCELLED, number=fence, word="cancelled", by=by)
        await tx.notify(CHANNEL, "")

    async def postpone(self, tx: Tx, effect: EffectId, run_at: datetime) -> bool:
        """Mean an effect that waits for another time, earlier or later; False when it runs just now or is over."""
        moved = await self._store.postpone(_tenant_of(tx), tx, effect, run_at)
        if moved:
            await tx.notify(CHANNEL, "")
        return moved

    async def withdraw(self, tx: Tx, effect: EffectId, *, why: str) -> bool:
        """The program itself gives an effect up that waits or has failed; `why` is a code. False when it runs just now or is over."""
        row, fence = await self._locked(_tenant_of(tx), tx, effect)
        if row.state not in CANCELLABLE:
            return False
        await self._store.decide(_tenant_of(tx), tx, effect, EffectState.CANCELLED, number=fence, word="cancelled", by=f"system:{why}")
        return True

    async def settle(self, tenant: TenantId, tx: Tx, effect: EffectId, by: str) -> None:
        """A person or a receipt says that an effect of unknown outcome did happen.

        Raises:
            NotFound: `effect-not-found`.
            Conflict: `effect-not-unknown` in any other state.
        """
        row, fence = await self._locked(tenant, tx, effect)
        if row.state is not EffectState.UNKNOWN:
            raise Conflict("effect-not-unknown", f"This is {row.state}; its outcome is not open.", phase="effect.settle")
        await self._store.decide(tenant, tx, effect, EffectState.DONE, number=fence, word="settled", by=by)
        await tx.notify(CHANNEL, "")

    async def _locked(self, tenant: TenantId, tx: Tx, effect: EffectId) -> tuple[EffectRow, int]:
        found = await self._store.lock(tenant, tx, effect)
        if found is None:
            raise NotFound("effect-not-found", "There is no such effect.", phase="effect.find")
        return found


def _tenant_of(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("an effect belongs to a tenant: enqueue it in a tenant's transaction")
    return tx.tenant
