"""A visit's meeting elsewhere as it is kept: rows read into a `Meeting`, its links sealed, and what may be changed of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import Identity, IdentityKind, Meeting, MeetingState, Way
from vestibule.meetings.roster import identity_key
from vestibule.meetings.store.meetings import MeetingStore, Row
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import Visit

# What `change` may write; the links are sealed on the way.
_PLAIN: Final = frozenset(
    {
        "state",
        "code",
        "organizer",
        "meeting_id",
        "starts_at",
        "ends_at",
        "made_at",
        "round",
        "call_started_at",
        "call_ended_at",
        "heard_at",
        "delayed_at",
        "delay_code",
        "look_at",
        "looks",
        "settled_at",
        "quality_at",
        "end_at",
        "forget_at",
    }
)
_AS_KEPT: Final = _PLAIN - {"state", "end_at", "forget_at"}
_PORTION: Final = 200


class MeetingsKept:
    """Reads and writes meetings. Methods taking `tx` act within its organisation and never commit."""

    def __init__(self, box: SecretBox, clock: Clock) -> None:
        self._box = box
        self._clock = clock
        self._store = MeetingStore()

    # ------------------------------------------------------------------ reading

    async def get(self, tx: Tx, visit: VisitId, *, lock: bool = False) -> Meeting | None:
        """A visit's meeting elsewhere; None for a visit that has none. Lock the visit first where both are locked."""
        row = await self._store.find(bound(tx), tx, visit, lock=lock)
        return None if row is None else self._meeting(bound(tx), row)

    async def of(self, tx: Tx, visits: Collection[VisitId]) -> dict[VisitId, Meeting]:
        """The meetings of several visits; those without one are left out."""
        found = [self._meeting(bound(tx), row) for row in await self._store.find_many(bound(tx), tx, visits)]
        return {one.visit: one for one in found}

    async def due(self, tx: Tx, *, limit: int = 100) -> list[Meeting]:
        """Meetings whose `look_at` has come, the longest due first."""
        rows = await self._store.due(bound(tx), tx, self._clock.now(), limit)
        return [self._meeting(bound(tx), row) for row in rows]

    async def whose_due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that have any of those."""
        return await self._store.whose_due(db, self._clock.now(), after, most)

    async def to_end(self, tx: Tx, *, only: VisitId | None = None, limit: int = 100) -> list[VisitId]:
        """Visits whose call has been over for so long that they may be ended; `only` asks about one."""
        return [VisitId(row["visit_id"]) for row in await self._store.to_end(bound(tx), tx, self._clock.now(), only, limit)]

    async def whose_to_end(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that have any of those."""
        return await self._store.whose_to_end(db, self._clock.now(), after, most)

    # ------------------------------------------------------------------ writing

    async def want(self, tx: Tx, visit: Visit) -> bool:
        """This visit takes place elsewhere; False where that was said before."""
        return await self._store.insert(bound(tx), tx, visit.id, starts_at=visit.starts_at, ends_at=visit.ends_at, now=self._clock.now())

    async def change(self, tx: Tx, visit: VisitId, **fields: Any) -> None:
        """Write some of a meeting's attributes, by their names in `Meeting`; `end_at` is when its visit ends by itself, `forget_at` when
        its links are forgotten.
        """
        columns: dict[str, Any] = {}
        for name, value in fields.items():
            if name == "join_url":
                columns["join_sealed"] = self._seal(tx, visit, "join", value)
            elif name == "visitor_url":
                columns["visitor_join_sealed"] = self._seal(tx, visit, "visitor", value)
            elif name in _PLAIN:
                columns[name] = value
            else:
                raise ValueError(f"a meeting keeps no {name}")
        if columns:
            await self._store.change(bound(tx), tx, visit, columns)

    async def rename(self, tx: Tx, visit: VisitId, into: VisitId) -> None:
        """Two visits turned out to be one, and only this one has a meeting that is made: it is the other's from now on."""
        meeting = await self.get(tx, visit, lock=True)
        if meeting is None:
            return
        await self._store.rename(bound(tx), tx, visit, into)
        await self.change(tx, into, join_url=meeting.join_url, visitor_url=meeting.visitor_url)

    # ------------------------------------------------------------------ forgetting

    async def whose_to_forget(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with meetings that were over long ago."""
        return await self._store.whose_to_forget(db, self._clock.now(), after, most)

    async def forget(self, db: Database, tenant: TenantId) -> int:
        """Forget the links of one organisation's, and who was shown them; of how many meetings. A chore, with transactions of its own."""
        forgotten = 0
        while True:
            async with db.tenant(tenant) as tx:
                some = await self._store.forget(tenant, tx, self._clock.now(), _PORTION)
            forgotten += some
            if some < _PORTION:
                return forgotten

    # ------------------------------------------------------------------ ways in

    async def give_way(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, account: str = "") -> None:
        """This person was shown the way in just now; `account` is their object id, where it is known."""
        identity = identity_key(self._box, Identity(IdentityKind.USER, account)) if account else None
        await self._store.give_way(bound(tx), tx, visit, participant, self._clock.now(), identity)

    async def ways(self, tx: Tx, visit: VisitId) -> list[Way]:
        """To whom it was given, the latest first."""
        rows = await self._store.ways(bound(tx), tx, visit)
        return [Way(ParticipantId(row["participant_id"]), row["given_at"], row["identity_key"]) for row in rows]

    async def present(self, tx: Tx, visit: VisitId) -> list[tuple[ParticipantId | None, str]]:
        """Who is in the meeting (`in`) or knocks there (`lobby`); None for somebody who did not come through us."""
        return (await self.present_of(tx, [visit])).get(visit, [])

    async def present_of(self, tx: Tx, visits: Collection[VisitId]) -> dict[VisitId, list[tuple[ParticipantId | None, str]]]:
        """The same of several visits."""
        found: dict[VisitId, list[tuple[ParticipantId | None, str]]] = {}
        for row in await self._store.present_of(bound(tx), tx, visits):
            who = row["participant_id"]
            found.setdefault(VisitId(row["visit_id"]), []).append((None if who is None else ParticipantId(who), row["state"]))
        return found

    # ------------------------------------------------------------------ rows

    def _seal(self, tx: Tx, visit: VisitId, what: str, value: str) -> bytes | None:
        return self._box.seal(value, about=link_about(what, bound(tx), visit)) if value else None

    def _open(self, sealed: bytes | None, what: str, tenant: TenantId, visit: VisitId) -> str:
        return "" if sealed is None else self._box.open(sealed, about=link_about(what, tenant, visit))

    def _meeting(self, tenant: TenantId, row: Row) -> Meeting:
        visit = VisitId(row["visit_id"])
        return Meeting(
            visit=visit,
            state=MeetingState(row["state"]),
            join_url=self._open(row["join_sealed"], "join", tenant, visit),
            visitor_url=self._open(row["visitor_join_sealed"], "visitor", tenant, visit),
            wanted_at=row["wanted_at"],
            **{name: row[name] for name in _AS_KEPT},
        )


def link_about(what: str, tenant: TenantId, visit: VisitId) -> str:
    """What a link is sealed about; `what` is `join` or `visitor`."""
    return f"meeting.{what}:{tenant}:{visit}"
