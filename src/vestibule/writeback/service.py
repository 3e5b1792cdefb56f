"""Each connect and disconnect of a provider or patient becomes one effect, written with the event that causes it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from vestibule.errors import NotFound
from vestibule.kit.ids import EffectId, TenantId, VisitId
from vestibule.platform.audit import Audit, acting
from vestibule.platform.db import Tx
from vestibule.platform.effects import EffectRow, Effects, EffectState, Promise
from vestibule.platform.effects.model import EffectRows, Logs
from vestibule.tenancy.model import Vendor
from vestibule.tenancy.service import Tenancy, bound
from vestibule.visits.model import OVER, EventKind, Visit, VisitEvent
from vestibule.visits.service import Visits
from vestibule.writeback.model import ABOUT, KIND, TOLD, Payload, destination_of, key_of
from vestibule.writeback.ports import Record

_OVER = frozenset({EventKind.ENDED, EventKind.CANCELLED})
ATTENTION = frozenset({EffectState.DEAD, EffectState.UNKNOWN})
UNDER_WAY = frozenset({EffectState.READY, EffectState.RUNNING})


class WriteBack:
    """Listens to visits, and lets a person look after what the record was not told."""

    def __init__(
        self, *, visits: Visits, tenancy: Tenancy, effects: Effects, records: Mapping[Vendor, Record], audit: Audit | None = None
    ) -> None:
        self._audit = audit or Audit()
        self._visits = visits
        self._tenancy = tenancy
        self._effects = effects
        self._records = records

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits: runs in the transaction that writes the event."""
        if event.kind in TOLD:
            await self._tell(tx, visit, event)
        elif event.kind is EventKind.MERGED:
            await self._effects.move(tx, VisitId(UUID(event.body["from"])), visit.id)
        elif event.kind in _OVER:
            await self.forget_people(tx, visit.id)

    async def _tell(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        person = visit.person(event.participant) if event.participant else None
        if person is None or person.role not in ABOUT or visit.connection is None:
            return
        connection = await self._tenancy.connection(tx, visit.connection)
        record = self._records.get(connection.vendor)
        if record is None or not record.listens(connection):
            return
        await self._effects.enqueue(
            tx,
            kind=KIND,
            destination=destination_of(connection.id),
            promise=Promise.STATUS,
            key=key_of(event),
            payload=Payload(connection.id, visit.id, person.id, event.seq, event.kind, person.role).to_json(),
            visit=visit.id,
            about=str(person.id),
        )

    async def forget_people(self, tx: Tx, visit: VisitId) -> None:
        """Erase who people are to the record, once the visit is over and nothing is owed to it."""
        if not await self._effects.owed(tx, visit, KIND):
            await self._visits.erase_person_ids(tx, visit)

    # ------------------------------------------------------------------ for a person

    async def page(self, tx: Tx, states: frozenset[EffectState] | None, *, limit: int = 100) -> tuple[EffectRows, Logs]:
        """The newest effects in these states, and the logs of those that were tried."""
        tenant = bound(tx)
        rows = await self._effects.list(tenant, tx, states=states, limit=limit, kinds=[KIND])
        return rows, await self._effects.logs(tenant, tx, [r.id for r in rows if _has_story(r)])

    async def failed(self, tx: Tx) -> int:
        """How many wait for a person's decision."""
        return await self._effects.failed(bound(tx), tx, kinds=[KIND])

    async def redrive(self, tx: Tx, effect: EffectId, *, by: str) -> None:
        """Send it again."""
        await self._ours(tx, effect)
        await self._effects.redrive(bound(tx), tx, effect, by)
        self._audit.note(tx, "effect.redriven", by=acting(), about=("effect", effect))

    async def give_up(self, tx: Tx, effect: EffectId, *, by: str) -> None:
        """Leave it untold; those behind it go on, and what was kept for it is forgotten."""
        tenant: TenantId = bound(tx)
        row = await self._ours(tx, effect)
        await self._effects.cancel(tenant, tx, effect, by)
        self._audit.note(tx, "effect.given-up", by=acting(), about=("effect", effect), detail={"visit": str(row.visit or "")})
        if row.visit is not None:
            visit = await self._visits.get(tx, row.visit)
            if visit.state in OVER:
                await self.forget_people(tx, visit.id)

    async def _ours(self, tx: Tx, effect: EffectId) -> EffectRow:
        """What is told to others than the record is looked after elsewhere: a text must not be sent again from this page."""
        row = await self._effects.get(bound(tx), tx, effect)
        if row.kind != KIND:
            raise NotFound("effect-not-found", "There is no such effect.", phase="effect.find")
        return row


def _has_story(row: EffectRow) -> bool:
    return row.attempts > 1 or row.code != "" or row.state in ATTENTION
