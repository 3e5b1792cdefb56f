"""What Microsoft tells, without Microsoft: a cloud that keeps subscriptions, and somebody who opens notifications as a test wrote them.

async with telling(db, tenant, db_url) as office:
    visit, rosa, ann = await office.visit_of()
    await office.tells(visit, office.event(Seen("g1", guest())))      # taken in as from the hook, and worked through
    assert await office.told(visit) == ["patient connected"]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from support.meeting_office import BOX, DIRECTORY, ROSA, MeetingOffice, ScriptedCloud, meeting_office
from vestibule.errors import Gone
from vestibule.kit.ids import TenantId, new_id
from vestibule.meetings.applying import Applying
from vestibule.meetings.client_state import read_client_state
from vestibule.meetings.delays import Delays
from vestibule.meetings.inbox import LIFECYCLE, NOTIFICATION
from vestibule.meetings.model import Account, CallEvent, CallEventKind, Identity, IdentityKind, KeyPair, MeetingState, Seen, Subscribed
from vestibule.meetings.notices import NoticeWork
from vestibule.meetings.ports import Hook
from vestibule.meetings.store.subscriptions import SubscriptionRow, SubscriptionStore
from vestibule.meetings.subscriptions import Subscriptions
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database
from vestibule.visits.model import Participant, PersonRole, Visit

ORIGIN = "https://visits.alder.test"
JOIN = "https://teams.example/join/1"


@dataclass
class ListeningCloud(ScriptedCloud):
    """Keeps subscriptions; of `gone` it knows nothing any more."""

    hooks: dict[str, Hook] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    async def subscribe(self, _: Account, join_url: str, hook: Hook, *, until: datetime) -> Subscribed:
        self._next("subscribe", join_url, hook, until)
        name = f"sub-{len(self.hooks) + 1}"
        self.hooks[name] = hook
        return Subscribed(name, until)

    async def renew(self, _: Account, subscription: str, *, until: datetime, hook: Hook | None = None) -> Subscribed:
        self._next("renew", subscription, until, hook)
        if subscription in self.gone:
            raise Gone("teams-subscription-gone", "It is not there any more.", phase="meeting.subscribe")
        return Subscribed(subscription, until)

    async def unsubscribe(self, _: Account, subscription: str) -> None:
        self._next("unsubscribe", subscription)


@dataclass
class WrittenNotices:
    """Opens an item whose text stands in `events`; what is an error there is raised. `opened` is what it was asked for, in order."""

    events: dict[str, CallEvent | Exception] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)

    async def open(
        self, _: Account, item: Mapping[str, Any], tokens: Sequence[str], keys: Mapping[str, KeyPair], *, now: datetime
    ) -> CallEvent:
        assert keys, "our keys are there"
        assert tokens == ["a token"], "and what came with it"
        assert now, "and the time"
        name = item["encryptedContent"]["data"]
        self.opened.append(name)
        event = self.events[name]
        if isinstance(event, Exception):
            raise event
        return event


class TellingOffice:
    """Everything that works through notifications, on a `MeetingOffice`."""

    def __init__(self, office: MeetingOffice) -> None:
        self.office, self.db, self.tenant, self.clock, self.parts = office, office.db, office.tenant, office.clock, office.parts
        self.cloud, self.notices = ListeningCloud(), WrittenNotices()
        self.delays = Delays(visits=office.visits, clock=self.clock)
        self.subscriptions = self.subscriptions_of(self.cloud)
        self.applying = Applying(visits=office.visits, clock=self.clock, box=BOX, kept=self.parts.kept, people=self.parts.bindings)
        self.work = self.worker()

    def subscriptions_of(self, cloud: ListeningCloud) -> Subscriptions:
        return Subscriptions(
            db=self.db,
            clock=self.clock,
            box=BOX,
            cloud=cloud,  # type: ignore[arg-type]
            keys=self.parts.keys,
            kept=self.parts.kept,
            accounts=self.parts.settings,
            delays=self.delays,
            origin=ORIGIN,
        )

    def worker(self, **more: Any) -> NoticeWork:
        """One of any number."""
        return NoticeWork(
            db=self.db,
            clock=self.clock,
            inbox=self.parts.inbox,
            notices=self.notices,
            accounts=self.parts.settings,
            keys=self.parts.keys,
            applying=self.applying,
            subscriptions=self.subscriptions,
            audit=Audit(self.clock),
            **more,
        )

    # ------------------------------------------------------------------ a meeting

    async def visit_of(
        self, doctor: str = "Rosa Okafor", patient: str = "Ann Lee", *, csn: str = "1853"
    ) -> tuple[Visit, Participant, Participant]:
        """A visit of two who were let in, with a meeting at Microsoft of which we are told; only the patient was shown the way."""
        visit, rosa = await self.office.come(PersonRole.PROVIDER, doctor, csn=csn)
        _, ann = await self.office.come(PersonRole.PATIENT, patient, csn=csn)
        await self.office.bind(visit.id, rosa, ROSA)
        await self.office.arrive(visit.id, rosa, ann)
        await self.office.step("admit", visit.id, ann.id)
        await self.office.idle()  # the office's own cloud made a meeting
        async with self.db.tenant(self.tenant) as tx:
            await self.parts.kept.change(tx, visit.id, state=MeetingState.MADE, join_url=JOIN, made_at=self.clock.now())
            await self.parts.kept.give_way(tx, visit.id, ann.id)
        await self.ensure(visit)
        return visit, rosa, ann

    async def account(self) -> Account:
        async with self.db.tenant(self.tenant) as tx:
            return await self.parts.settings.account(tx)

    async def ensure(self, visit: Visit) -> None:
        meeting = await self.office.meeting(visit.id)
        assert meeting is not None
        await self.subscriptions.ensure(await self.account(), meeting)

    async def row(self, visit: Visit) -> SubscriptionRow:
        """The visit's subscription."""
        async with self.db.tenant(self.tenant) as tx:
            found = await SubscriptionStore().of_visit(self.tenant, tx, visit.id)
        assert found is not None
        return found

    # ------------------------------------------------------------------ what is told

    def event(self, *people: Seen, when: float = 0, kind: CallEventKind = CallEventKind.ROSTER) -> str:
        """Something that happened so many seconds after now; its name."""
        name = str(new_id())
        self.notices.events[name] = CallEvent(kind, name, self.at(when), people)
        return name

    def refused(self, error: Exception) -> str:
        """Something that cannot be proved, or opened; its name."""
        name = str(new_id())
        self.notices.events[name] = error
        return name

    def at(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    async def arrive(self, subscription: UUID, *names: str) -> int:
        """These come in one delivery."""
        items = [(subscription, {"encryptedContent": {"data": name}}) for name in names]
        async with self.db.tenant(self.tenant) as tx:
            return await self.parts.inbox.take(tx, NOTIFICATION, items, ["a token"])

    async def tells(self, visit: Visit, *names: str) -> None:
        """These come, and are worked through."""
        await self.arrive((await self.row(visit)).id, *names)
        while await self.work.turn():
            pass

    async def lifecycle(self, visit: Visit, event: str) -> None:
        """Microsoft says something of the subscription, and it is worked through."""
        row = await self.row(visit)
        async with self.db.tenant(self.tenant) as tx:
            await self.parts.inbox.take(tx, LIFECYCLE, [(row.id, {"lifecycleEvent": event})], [])
        await self.work.turn()

    # ------------------------------------------------------------------ what is to be seen

    async def told(self, visit: Visit) -> list[str]:
        """What the visit was told, each `kind` or `role kind`, without what people did here."""
        about = {"connected", "disconnected", "in_lobby", "call_ended", "live_delayed", "live_resumed"}
        now = await self.visit(visit)
        people = {one.id: one.role.value for one in now.people}
        events = [event for event in await self.office.events(visit.id) if event.kind.value in about]
        return [f"{people[e.participant]} {e.kind.value}" if e.participant else e.kind.value for e in events]

    async def visit(self, visit: Visit) -> Visit:
        async with self.db.tenant(self.tenant) as tx:
            return await self.office.visits.get(tx, visit.id)

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        """What is kept, within the organisation."""
        async with self.db.tenant(self.tenant) as tx:
            return list(await tx.fetch(sql, *args))


def guest(name: str = "Ann Lee", id_: str = "1") -> Identity:
    """Somebody without an account."""
    return Identity(IdentityKind.GUEST, id_, name)


def user(object_id: str = ROSA) -> Identity:
    """Somebody with an account in the organisation's directory."""
    return Identity(IdentityKind.USER, object_id, "Rosa", DIRECTORY)


def whose(state: str) -> tuple[TenantId, UUID] | None:
    """Whose a `clientState` is."""
    return read_client_state(BOX, state)


@asynccontextmanager
async def telling(db: Database, tenant: TenantId, url: str) -> AsyncIterator[TellingOffice]:
    """An organisation that meets in Teams, and is told of it."""
    async with meeting_office(db, tenant, url) as office:
        yield TellingOffice(office)
