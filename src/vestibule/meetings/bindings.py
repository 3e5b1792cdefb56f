"""Who of the record is who in the organisation's Microsoft directory: proved once by signing in there, kept as two ids.

A person of the record is known within one connection, by what the record calls them and as what (`user`, `Practitioner`): the same number
may be somebody else under another name. Where two people of a visit signed in with the same account, the one who came last is meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from uuid import UUID

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, new_id
from vestibule.kit.pageful import Page, cursor, keys_of, sane
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import Binding
from vestibule.meetings.store.bindings import BindingStore, Row
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import Participant, PersonRole, Visit

_PHASE: Final = "meeting.binding"
# As what a record may call a clinician: its own user, or a FHIR resource.
KINDS: Final = ("user", "Practitioner", "PractitionerRole", "Person")


class Bindings:
    """Reads and writes. Every method takes a transaction, and acts within its organisation.

    Attributes:
        on_bound: told inside the transaction in which somebody of a visit was bound: a meeting may have waited for them.
    """

    def __init__(self, *, clock: Clock, box: SecretBox, audit: Audit) -> None:
        self._clock = clock
        self._box = box
        self._audit = audit
        self._store = BindingStore()
        self.on_bound: list[Callable[[Tx, Visit, ParticipantId], Awaitable[None]]] = []

    # ------------------------------------------------------------------ who is who

    async def object_id(self, tx: Tx, connection: ConnectionId | None, person: Participant) -> str:
        """Who somebody of a visit is in the directory; empty where they have not said so, or are nobody of the record."""
        found = await self._find(tx, connection, person)
        return "" if found is None else str(found["object_id"])

    async def of_people(self, tx: Tx, visit: Visit) -> dict[str, ParticipantId]:
        """The people of a visit whose account is known, by its object id."""
        if visit.connection is None:
            return {}
        tenant = bound(tx)
        keys = {
            key: person.id
            for person in visit.people
            for key in self._keys(tenant, visit.connection, person)
            if person.role is PersonRole.PROVIDER
        }
        rows = await self._store.of_keys(tenant, tx, visit.connection, list(keys)) if keys else []
        latest = sorted(rows, key=lambda row: _came(visit, keys[row["person_key"]]))
        return {str(row["object_id"]): keys[row["person_key"]] for row in latest}

    async def used(self, tx: Tx, connection: ConnectionId | None, person: Participant) -> None:
        """They went into a meeting by it: the portal shows when that was last, to the hour."""
        found = await self._find(tx, connection, person)
        if found is not None:
            await self._store.used(bound(tx), tx, found["id"], self._clock.now())

    async def _find(self, tx: Tx, connection: ConnectionId | None, person: Participant) -> Row | None:
        if connection is None:
            return None
        keys = self._keys(bound(tx), connection, person)
        rows = await self._store.of_keys(bound(tx), tx, connection, keys) if keys else []
        return rows[-1] if rows else None

    # ------------------------------------------------------------------ binding

    async def bind(self, tx: Tx, visit: Visit, person: Participant, object_id: str, *, by: Actor) -> Binding:
        """Note who somebody of a visit has proved to be; an account that they had before is forgotten.

        Raises:
            NotFound: `binding-nobody`: the record has not said who they are, so there is nothing to bind.
        """
        tenant, connection, now = bound(tx), visit.connection, self._clock.now()
        keys = [] if connection is None else self._keys(tenant, connection, person)
        if connection is None or not keys:
            raise nobody()
        await self._store.hold(tenant, tx, connection, keys[0])
        before = await self._store.drop_keys(tenant, tx, connection, keys)
        key = new_id()
        sealed = self._box.seal(_name(person), about=_about(tenant, key))
        await self._store.put(tenant, tx, connection, keys[0], binding=key, sealed=sealed, object_id=object_id, at=now)
        again = "same" if any(row["object_id"] == object_id for row in before) else "other" if before else "no"
        detail = {"visit": str(visit.id), "participant": str(person.id), "again": again}
        self._audit.note(tx, "meeting.person-bound", by=by, about=("meeting-binding", key), detail=detail)
        for tell in self.on_bound:
            await tell(tx, visit, person.id)
        return Binding(key, _name(person), object_id, now)

    async def unbind(self, tx: Tx, binding: UUID, *, by: Actor) -> None:
        """Forget it: they are asked to sign in again at their next visit. Meetings made under their name stay.

        Raises:
            NotFound: `binding-not-found`.
        """
        row = await self._store.drop(bound(tx), tx, binding)
        if row is None:
            raise NotFound("binding-not-found", "This sign-in was removed already.", phase=_PHASE)
        self._audit.note(tx, "meeting.person-unbound", by=by, about=("meeting-binding", binding))

    # ------------------------------------------------------------------ the list

    async def get(self, tx: Tx, binding: UUID) -> tuple[ConnectionId, Binding]:
        """One, and of which connection the person is.

        Raises:
            NotFound: `binding-not-found`.
        """
        row = await self._store.find(bound(tx), tx, binding)
        if row is None:
            raise NotFound("binding-not-found", "This sign-in was removed already.", phase=_PHASE)
        return ConnectionId(row["connection_id"]), self._binding(bound(tx), row)

    async def listing(self, tx: Tx, *, after: str = "", limit: int = 50) -> Page[tuple[ConnectionId, Binding]]:
        """A part of the list, oldest first, each with the connection that the person is of."""
        tenant, most = bound(tx), sane(limit)
        rows = await self._store.listing(tenant, tx, after=_place(after), most=most + 1)
        items = [(ConnectionId(row["connection_id"]), self._binding(tenant, row)) for row in rows[:most]]
        return Page(items, cursor(str(rows[most - 1]["id"])) if len(rows) > most else "")

    async def search(self, tx: Tx, text: str, connections: Iterable[ConnectionId]) -> list[tuple[ConnectionId, Binding]]:
        """Those of whoever one of these connections' records calls exactly so, and those of the account of that object id."""
        tenant = bound(tx)
        rows = {row["id"]: row for row in await self._store.with_object(tenant, tx, [text.lower()])}
        for connection in connections:
            keys = [key for kind in KINDS for key in self._hashes(tenant, connection, f"{kind}:{text}")]
            rows |= {row["id"]: row for row in await self._store.of_keys(tenant, tx, connection, keys)}
        return [(ConnectionId(row["connection_id"]), self._binding(tenant, row)) for _, row in sorted(rows.items())]

    async def count(self, tx: Tx) -> int:
        """How many have signed in."""
        return await self._store.count(bound(tx), tx)

    def _binding(self, tenant: TenantId, row: Row) -> Binding:
        person = self._box.open(row["person_sealed"], about=_about(tenant, row["id"]))
        return Binding(row["id"], person, row["object_id"], row["bound_at"], row["used_at"])

    def _keys(self, tenant: TenantId, connection: ConnectionId, person: Participant) -> list[bytes]:
        """The keyed hashes by which the row of a person is found, the current key's first; none for nobody of the record."""
        return self._hashes(tenant, connection, _name(person)) if person.person else []

    def _hashes(self, tenant: TenantId, connection: ConnectionId, name: str) -> list[bytes]:
        return self._box.keyed_hashes(f"meeting-binding|{tenant}|{connection}|{name}")


def nobody() -> NotFound:
    """There is nobody of the record to bind."""
    return NotFound("binding-nobody", "The record did not say who you are. Please open the visit from there again.", phase=_PHASE)


def _name(person: Participant) -> str:
    """What the record calls them, and as what."""
    return f"{person.person_type}:{person.person}"


def _came(visit: Visit, participant: ParticipantId) -> str:
    """Sorts the people of a visit by when they came into their present state; ties by id."""
    person = visit.person(participant)
    return f"{person.since.isoformat() if person else ''}|{participant}"


def _about(tenant: TenantId, binding: UUID) -> str:
    return f"meeting.binding:{tenant}:{binding}"


def _place(after: str) -> UUID:
    keys = keys_of(after, 1)
    try:
        return UUID(keys[0]) if keys else UUID(int=0)
    except ValueError:
        return UUID(int=0)
