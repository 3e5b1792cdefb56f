"""The work behind an effect: who is it to the record, say it, and write down that it was said. No transaction is open while we call."""

from __future__ import annotations

from collections.abc import Mapping

from vestibule.errors import NotFound
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import Dead, Done, Effect, Outcome
from vestibule.tenancy.model import Connection, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import EventKind
from vestibule.visits.service import Visits
from vestibule.writeback.model import Payload, Status
from vestibule.writeback.ports import Record
from vestibule.writeback.service import WriteBack

NO_RECORD = "writeback-no-record"
NO_PERSON = "writeback-person-unknown"


class Teller:
    """Handles effects of kind `ehr.status`."""

    def __init__(self, *, db: Database, visits: Visits, tenancy: Tenancy, writeback: WriteBack, records: Mapping[Vendor, Record]) -> None:
        self._db = db
        self._visits = visits
        self._tenancy = tenancy
        self._writeback = writeback
        self._records = records

    async def handle(self, effect: Effect) -> Outcome:
        """Tell the record; whatever it raises is for the worker to judge."""
        payload = Payload.of(effect)
        async with self._db.tenant(effect.tenant) as tx:
            connection, status = await self._what(tx, payload)
        record = self._records.get(connection.vendor)
        if record is None or not record.listens(connection):
            return Dead(NO_RECORD)
        if not status.person:
            return Dead(NO_PERSON)
        await record.tell(connection, status)

        async def then(tx: Tx) -> None:
            await self._told(tx, effect, payload)

        return Done(then)

    async def mourn(self, tx: Tx, effect: Effect, code: str) -> None:
        """It ended dead: the visit's list says so, so that board and audit know."""
        payload = Payload.of(effect)
        body = {"of": payload.seq, "told": payload.told.value, "effect": str(effect.id), "code": code}
        await self._visits.record_failed(tx, payload.visit, payload.participant, body)

    async def _what(self, tx: Tx, payload: Payload) -> tuple[Connection, Status]:
        """The person's id is opened here and nowhere else, and lives as long as the call."""
        connection = await self._tenancy.connection(tx, payload.connection)
        visit = await self._visits.get(tx, payload.visit)
        person = visit.person(payload.participant)
        if person is None:
            raise NotFound("participant-not-found", "This person is not in the visit.", phase="writeback.prepare")
        names = tuple(i for i in await self._visits.identifiers(tx, visit.id) if i.connection == connection.id)
        connected = payload.told is EventKind.CONNECTED
        return connection, Status(names, person.person, person.person_type, person.role, connected)

    async def _told(self, tx: Tx, effect: Effect, payload: Payload) -> None:
        body = {"of": payload.seq, "told": payload.told.value, "effect": str(effect.id)}
        visit = await self._visits.told_record(tx, payload.visit, payload.participant, body)
        if visit.over:
            await self._writeback.forget_people(tx, visit.id)
