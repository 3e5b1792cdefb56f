"""Writing the audit down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import TenantId
from vestibule.platform.audit.chain import Check, Head
from vestibule.platform.audit.model import Actor, Entry, Outcome, clean, clean_detail
from vestibule.platform.audit.store import AuditStore, appending
from vestibule.platform.db import Database, Tx

_BATCH: Final = 2_000
_BEFORE_ALL: Final = -(2**63)  # numbers begin at 1; what stands before them was put there


class Audit:
    """The audit of every organisation; one for the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Tell the time by `clock`."""
        self._clock = clock or SystemClock()
        self._store = AuditStore()

    def note(
        self,
        tx: Tx,
        action: str,
        *,
        by: Actor,
        about: tuple[str, Any] = ("", ""),
        outcome: Outcome = Outcome.SUCCESS,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Note an act of the organisation `tx` is bound to; it is written with the commit of the transaction, or neither of them is.

        Args:
            tx: of the act itself.
            action: `thing.verb`, e.g. `connection.approved`; every action is documented in docs/reference/audit.md.
            by: who.
            about: kind and id of the thing.
            outcome: how it ended.
            detail: a few short words more, never patient data or secrets.
        """
        _tenant(tx)
        who = Actor(clean(by.kind), clean(by.id), clean(by.session), clean(by.address), clean(by.reference))
        kind, thing = clean(str(about[0])), clean(str(about[1]))
        tx.with_commit(appending, Entry(self._clock.now(), who, clean(action), kind, thing, outcome, clean_detail(detail or {})))

    async def tenants(self, db: Database) -> list[TenantId]:
        """Every organisation that has an audit."""
        return await self._store.tenants(db)

    async def head(self, tx: Tx) -> Head:
        """Where the organisation's chain ends: keep it elsewhere, and nobody can cut the chain before it unseen."""
        return await self._store.head(_tenant(tx), tx)

    async def verify(self, db: Database, tenant: TenantId, *, sought: Collection[bytes] = ()) -> Check:
        """Walk an organisation's whole chain, in portions, while others go on appending to it.

        Args:
            db: where it is.
            tenant: whose chain.
            sought: hashes noted down earlier, to be met on the way.
        """
        check = Check(tenant, sought)
        after, more = _BEFORE_ALL, True
        while more and check.flaw is None:
            async with db.tenant(tenant) as tx:
                head, entries = await self._store.chain(tenant, tx, after, _BATCH)
            for written in entries:
                check.see(written, head)
            more = len(entries) == _BATCH
            if more:
                after = entries[-1].seq
            else:
                check.end(head)
        return check


def _tenant(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("the audit belongs to an organisation: use db.tenant(...)")
    return tx.tenant
