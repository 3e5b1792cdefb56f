"""Reading many visits at once and writing into their lists together: for messages, which are sent by the thousand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from vestibule.kit.ids import ParticipantId, VisitId, fingerprint, new_id, new_secret
from vestibule.platform.db import Tx
from vestibule.visits.book import Book, tenant_of
from vestibule.visits.fold import apply
from vestibule.visits.links import CODE_BYTES
from vestibule.visits.live import CHANNEL, note
from vestibule.visits.model import EventKind, PersonRole, Visit, VisitEvent
from vestibule.visits.store import LinkStore


@dataclass(frozen=True, slots=True)
class Word:
    """An event that changes nothing of a visit but its list: somebody was told something."""

    visit: VisitId
    kind: EventKind
    participant: ParticipantId | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedLink:
    """A link to somebody's place in a visit."""

    visit: VisitId
    participant: ParticipantId
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link.

    Attributes:
        code: what opens it; only its hash is kept.
    """

    id: UUID
    code: str = field(repr=False)


class Telling:
    """Works on visits by the hundred. Visits are locked in one order, so that two of us never wait for each other."""

    def __init__(self, book: Book, links: LinkStore) -> None:
        self._book = book
        self._links = links

    async def visits(self, tx: Tx, ids: Collection[VisitId], *, lock: bool = False) -> dict[VisitId, Visit]:
        """These visits, or what they turned out to be, by the ids they were asked for; those that are not there are left out."""
        tenant, book = tenant_of(tx), self._book
        rows = await book.store.find_many(tenant, tx, sorted(set(ids)), lock=lock)
        people: dict[Any, list[Any]] = {}
        for person in await book.store.people(tenant, tx, [VisitId(row["id"]) for row in rows]):
            people.setdefault(person["visit_id"], []).append(person)
        found = {VisitId(row["id"]): book.visit(row, people.get(row["id"], [])) for row in rows}
        for one, visit in found.items():
            if visit.merged_into is not None:
                found[one] = await book.read(tx, visit.merged_into, lock=lock)
        return found

    async def bearing(self, tx: Tx, ids: Collection[VisitId], system: str) -> set[VisitId]:
        """Those of these visits that have a name of this system, such as rehearsals."""
        return await self._book.store.bearing(tenant_of(tx), tx, list(ids), system)

    async def say(self, tx: Tx, visits: Mapping[VisitId, Visit], words: Sequence[Word]) -> None:
        """Append to the lists of visits that are locked."""
        tenant, now = tenant_of(tx), self._book.clock.now()
        latest = {visit.id: visit for visit in visits.values()}
        events: list[tuple[Visit, VisitEvent]] = []
        for word in words:
            visit = latest[word.visit]
            event = VisitEvent(tenant, visit.id, visit.seq + 1, now, word.kind, word.participant, word.body)
            latest[visit.id] = apply(visit, event)
            events.append((latest[visit.id], event))
        before = {visit.id: visit.seq for visit in visits.values()}
        if not await self._book.store.append_many(tenant, tx, before, [event for _, event in events]):
            raise RuntimeError("a visit was stepped without holding its row")
        for after, event in events:
            await tx.notify(CHANNEL, note(after, event))
            for subscriber in self._book.subscribers:
                await subscriber(tx, after, event)

    async def links(self, tx: Tx, wanted: Sequence[WantedLink]) -> list[MadeLink]:
        """New links into visits that are locked. No event says so: the one that tells of the message names the link it carried."""
        made = [(MadeLink(new_id(), new_secret(CODE_BYTES)), one) for one in wanted]
        rows = [(link.id, one.visit, fingerprint(link.code), one.expires_at, one.participant) for link, one in made]
        await self._links.insert_many(tenant_of(tx), tx, rows, role=PersonRole.PATIENT, at=self._book.clock.now())
        return [link for link, _ in made]

    async def close_link(self, tx: Tx, visit: VisitId, link: UUID) -> None:
        """A link that nobody was ever given. No event said that it was made, and none says this."""
        await self._links.revoke(tenant_of(tx), tx, visit, link, self._book.clock.now())
