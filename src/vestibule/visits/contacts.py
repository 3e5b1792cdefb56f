"""How patients can be reached about an appointment: sealed, noted with an event that says only what is known, and erased with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database, Tx
from vestibule.visits.book import Book, tenant_of
from vestibule.visits.model import EventKind, Visit
from vestibule.visits.store import ContactStore, Row


@dataclass(frozen=True, slots=True)
class Contact:
    """How somebody can be reached.

    Attributes:
        phone: E.164, e.g. `+16085550134`; empty for none.
        email: an address; empty for none.
        language: a BCP 47 tag such as `es` or `zh-TW`; empty where nobody said.
    """

    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    language: str = ""

    @property
    def empty(self) -> bool:
        """Nothing to reach them by."""
        return not (self.phone or self.email)


@dataclass(frozen=True, slots=True)
class Reach:
    """A contact in its place."""

    visit: VisitId
    participant: ParticipantId
    contact: Contact = field(repr=False)
    noted_at: datetime


class Contacts:
    """Notes, reads, and erases. Methods take the caller's transaction; those that change something lock the visit."""

    def __init__(self, book: Book, store: ContactStore) -> None:
        self._book = book
        self._store = store

    async def note(self, tx: Tx, visit: VisitId | Visit, participant: ParticipantId, contact: Contact) -> Visit:
        """What is known of them from now on; nothing happens when it was known, or when the visit is over.

        A Visit given here is one this transaction has just locked.
        """
        found = visit if isinstance(visit, Visit) else await self._book.read(tx, visit, lock=True)
        person = found.person(participant)
        if found.over or person is None:
            return found
        known = await self.of(tx, person.id)
        if known is not None and known.contact == contact:
            return found
        if known is None and contact.empty and not contact.language:
            return found
        await self._put(tx, found.id, person.id, contact)
        body = {"phone": bool(contact.phone), "email": bool(contact.email), "language": contact.language}
        return await self._book.add(tx, found, EventKind.CONTACT_NOTED, person.id, body)

    async def of(self, tx: Tx, participant: ParticipantId) -> Reach | None:
        """How somebody can be reached; None when nothing is known (any more)."""
        row = await self._store.find(tenant_of(tx), tx, participant)
        return None if row is None else self._reach(tenant_of(tx), row)

    async def of_visit(self, tx: Tx, visit: VisitId) -> list[Reach]:
        """Everybody of a visit who can be reached."""
        tenant = tenant_of(tx)
        return [self._reach(tenant, row) for row in await self._store.of_visit(tenant, tx, visit)]

    async def of_visits(self, tx: Tx, visits: Sequence[VisitId]) -> list[Reach]:
        """Everybody of several visits who can be reached."""
        tenant = tenant_of(tx)
        return [self._reach(tenant, row) for row in await self._store.of_visits(tenant, tx, list(visits))]

    async def forget_at(self, tx: Tx, visit: VisitId, at: datetime) -> None:
        """When what is known of a visit's people is to be erased at the latest. Says nothing: it is erased by `erase`."""
        await self._store.forget_at(tenant_of(tx), tx, visit, at)

    async def to_forget(self, tx: Tx, at: datetime, *, limit: int) -> list[VisitId]:
        """Visits whose people's contacts are to be erased by now, the longest overdue first."""
        return await self._store.to_forget(tenant_of(tx), tx, at, limit)

    async def whose_to_forget(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have contacts to erase."""
        return await self._store.whose_to_forget(db, at, after, most)

    async def with_phone(self, tx: Tx, phone: str) -> list[Reach]:
        """Everybody who is reached under a number, in whichever visit."""
        tenant = tenant_of(tx)
        return [self._reach(tenant, row) for row in await self._store.with_phone(tenant, tx, self._book.box.keyed_hashes(_number(phone)))]

    async def erase(self, tx: Tx, visit: VisitId, *, why: str) -> int:
        """Forget how anybody of a visit can be reached; of how many something was known. `why` is a code, see the events."""
        found = await self._book.read(tx, visit, lock=True)
        erased = await self._store.erase(tenant_of(tx), tx, found.id)
        for participant in erased:
            found = await self._book.add(tx, found, EventKind.CONTACT_ERASED, participant, {"why": why})
        return len(erased)

    async def become(self, tx: Tx, goes: ParticipantId, stays: ParticipantId) -> None:
        """Two people turned out to be one: what is known of either is known of who stays; their own comes first."""
        gone, own = await self.of(tx, goes), await self.of(tx, stays)
        if gone is None:
            return
        mine = own.contact if own else Contact()
        theirs = gone.contact
        both = Contact(mine.phone or theirs.phone, mine.email or theirs.email, mine.language or theirs.language)
        await self._put(tx, gone.visit, stays, both)
        await self._store.drop(tenant_of(tx), tx, goes)

    async def _put(self, tx: Tx, visit: VisitId, participant: ParticipantId, contact: Contact) -> None:
        tenant, box = tenant_of(tx), self._book.box
        await self._store.put(
            tenant,
            tx,
            visit,
            participant,
            phone=box.seal(contact.phone, about=_about("phone", tenant, participant)) if contact.phone else None,
            phone_key=box.keyed_hash(_number(contact.phone)) if contact.phone else None,
            email=box.seal(contact.email, about=_about("email", tenant, participant)) if contact.email else None,
            language=contact.language,
            at=self._book.clock.now(),
        )

    def _reach(self, tenant: TenantId, row: Row) -> Reach:
        who = ParticipantId(row["participant_id"])
        phone, email = (self._open(row[f"{one}_sealed"], one, tenant, who) for one in ("phone", "email"))
        return Reach(VisitId(row["visit_id"]), who, Contact(phone, email, row["language"]), row["noted_at"])

    def _open(self, sealed: bytes | None, what: str, tenant: TenantId, who: ParticipantId) -> str:
        return "" if sealed is None else self._book.box.open(sealed, about=_about(what, tenant, who))


def _about(what: str, tenant: TenantId, who: ParticipantId) -> str:
    return f"contact.{what}:{tenant}:{who}"


def _number(phone: str) -> str:
    return f"phone|{phone}"
