"""Short links into a visit: one visit, one person's place, an end, and a way to revoke it. Only the hash of a code is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.errors import Gone, NotFound
from vestibule.kit.ids import ParticipantId, TenantId, VisitId, fingerprint, new_id, new_secret
from vestibule.platform.db import Database, Tx
from vestibule.visits.book import Book, tenant_of
from vestibule.visits.model import EventKind, PersonRole, Visit
from vestibule.visits.store import LinkStore, Row

CODE_BYTES = 18  # 144 bits, 24 characters
_PHASE = "link.use"


@dataclass(frozen=True, slots=True)
class Link:
    """A short link, without its code.

    Attributes:
        visit: where it leads, after mergers too.
        participant: whose place it opens, where it was made for somebody; otherwise whoever holds it has a place of their own.
    """

    id: UUID
    visit: VisitId
    role: PersonRole
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    made_by: ParticipantId | None = None
    participant: ParticipantId | None = None

    def open_at(self, at: datetime) -> bool:
        """Whether it lets somebody in."""
        return self.revoked_at is None and at < self.expires_at


class Links:
    """Makes, finds and revokes links."""

    def __init__(self, book: Book, store: LinkStore) -> None:
        self._book = book
        self._store = store

    async def whose(self, db: Database, code: str) -> TenantId:
        """The tenant a code belongs to; NotFound `link-unknown` for one nobody made."""
        async with db.anyone() as tx:
            tenant = await self._store.whose(tx, fingerprint(code))
        if tenant is None:
            raise _unknown()
        return tenant

    async def make(
        self,
        tx: Tx,
        visit: Visit,
        *,
        role: PersonRole,
        expires_at: datetime,
        by: ParticipantId | None,
        participant: ParticipantId | None = None,
    ) -> tuple[str, UUID, Visit]:
        """A new link into a locked visit: its code, its id, and the visit after."""
        code, link = new_secret(CODE_BYTES), new_id()
        await self._store.insert(
            tenant_of(tx),
            tx,
            visit.id,
            link=link,
            code_hash=fingerprint(code),
            role=role,
            made_by=by,
            at=self._book.clock.now(),
            expires_at=expires_at,
            participant=participant,
        )
        body = {"link": str(link), "role": role} | ({} if by is None else {"by": str(by)})
        return code, link, await self._book.add(tx, visit, EventKind.LINK_MADE, None, body)

    async def revoke(self, tx: Tx, visit: Visit, link: UUID, *, by: ParticipantId | None) -> Visit:
        """Close it; nothing when it was closed already."""
        if not await self._store.revoke(tenant_of(tx), tx, visit.id, link, self._book.clock.now()):
            return visit
        body = {"link": str(link)} | ({} if by is None else {"by": str(by)})
        return await self._book.add(tx, visit, EventKind.LINK_REVOKED, None, body)

    async def find(self, tx: Tx, code: str) -> Link:
        """What a code leads to, open or not."""
        row = await self._store.find(tenant_of(tx), tx, fingerprint(code))
        if row is None:
            raise _unknown()
        return _link(row)

    async def use(self, tx: Tx, code: str) -> Link:
        """What an open code leads to; Gone `link-over` when it has been revoked or has expired."""
        link = await self.find(tx, code)
        if not link.open_at(self._book.clock.now()):
            raise Gone("link-over", "This link is no longer valid. Please ask the clinic for a new one.", phase=_PHASE)
        return link

    async def of_visit(self, tx: Tx, visit: VisitId) -> list[Link]:
        """The links of a visit, the newest first."""
        return [_link(r) for r in await self._store.of_visit(tenant_of(tx), tx, visit)]


def _link(row: Row) -> Link:
    made_by = None if row["made_by"] is None else ParticipantId(row["made_by"])
    mine = None if row["participant_id"] is None else ParticipantId(row["participant_id"])
    times = (row["made_at"], row["expires_at"], row["revoked_at"])
    return Link(row["id"], VisitId(row["visit_id"]), PersonRole(row["role"]), *times, made_by, mine)


def _unknown() -> NotFound:
    return NotFound("link-unknown", "This link does not lead anywhere. Please check it, or ask the clinic for a new one.", phase=_PHASE)
