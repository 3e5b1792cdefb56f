"""Meetings elsewhere without a cloud: everything of ours on a real database, and a `Cloud` that does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from support.waiting import until
from vestibule.adapters.meetings.room.passes import RelayConfig
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.errors import OutsideFailed
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.delays import Delays
from vestibule.meetings.doing import Doing
from vestibule.meetings.ending import Ending
from vestibule.meetings.model import Account, Made, Meeting, ProofKind, Settings, Wish
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Bus, Database, Listener
from vestibule.platform.effects import Effects, EffectState, Policy, Worker
from vestibule.visits.model import Identifier, MeetingKind, MeetingPlace, Opens, Participant, PersonRole, Visit, VisitEvent
from vestibule.visits.service import Visits
from vestibule.wiring.meeting_parts import meeting_parts

NOW = datetime.now(UTC).replace(microsecond=0)  # what is planned for later is due by the database's clock
BOX = SecretBox([("test", b"m" * 32)])
CONNECTION = ConnectionId(new_id())
DIRECTORY, CLIENT = "0f5c2a70-0000-4c1e-8a55-2d7b9e3f0a00", "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02"
ROSA, INGRID, HOST = (f"5f1c2a70-000{n}-4c1e-8a55-2d7b9e3f0a0{n}" for n in (3, 1, 9))
CONNECTED = {"kind": "teams", "directory": DIRECTORY, "client_id": CLIENT, "proof": "secret", "secret": "a secret"}


@dataclass
class ScriptedCloud:
    """Stands in for Microsoft: says back what is in `answers`, in turn, then does as it is asked; `asked` is what it was told."""

    answers: list[Exception] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    made: dict[str, Made] = field(default_factory=dict)
    held: asyncio.Event | None = None
    lost: int = 0  # so many answers do not reach us

    def _next(self, *what: Any) -> None:
        self.asked.append(what)
        if self.answers:
            raise self.answers.pop(0)

    async def make(self, _: Account, wish: Wish) -> Made:
        """The same external id and organizer is the same meeting."""
        self.asked.append(("make", wish))
        if self.held is not None:
            await self.held.wait()
        if self.answers:
            raise self.answers.pop(0)
        key = f"{wish.organizer}/{wish.external_id}"
        new = key not in self.made
        made = Made(f"m-{key}", f"https://teams.example/join/{key}", f"https://visit.teams.example/{key}", new)
        self.made.setdefault(key, made)
        if self.lost:
            self.lost -= 1
            raise OutsideFailed("outside-no-answer", "Lost.", phase="meeting.make")
        return made

    async def move(self, _: Account, organizer: str, meeting: str, starts_at: datetime, ends_at: datetime) -> None:
        self._next("move", organizer, meeting, starts_at, ends_at)

    async def shut(self, _: Account, organizer: str, meeting: str) -> None:
        self._next("shut", organizer, meeting)

    async def delete(self, _: Account, organizer: str, meeting: str) -> None:
        self._next("delete", organizer, meeting)

    @property
    def done(self) -> list[str]:
        """What it was asked for, in order."""
        return [str(what[0]) for what in self.asked]

    @property
    def wishes(self) -> list[Wish]:
        """The meetings it was asked for."""
        return [what[1] for what in self.asked if what[0] == "make"]


class MeetingOffice:
    """Everything of ours, wired as in a process."""

    patience = 0.2  # seconds until Microsoft is asked again for what it refused

    def __init__(self, db: Database, tenant: TenantId, url: str) -> None:
        self.db, self.tenant, self.clock, self.cloud = db, tenant, FrozenClock(NOW), ScriptedCloud()
        self.visits, self.effects = Visits(self.clock, BOX), Effects()
        self.listener = Listener(url)
        bus = Bus(db, self.listener)
        room = RoomService(db=db, bus=bus, visits=self.visits, clock=self.clock, keyed_hash=BOX.keyed_hash, relay=RelayConfig())
        audit = Audit(self.clock)
        self.parts = meeting_parts(db=db, clock=self.clock, box=BOX, audit=audit, visits=self.visits, effects=self.effects, room=room)
        self.choice, self.kept, self.bindings = self.parts.choice, self.parts.kept, self.parts.bindings
        self.watched: list[Meeting] = []
        self.deaf: Exception | None = None
        self.ending = Ending(visits=self.visits, kept=self.kept)
        self.doing = Doing(
            db=db,
            clock=self.clock,
            visits=self.visits,
            kept=self.kept,
            settings=self.parts.settings,
            organizers=self.parts.organizers,
            cloud=self.cloud,  # type: ignore[arg-type]
            watch=self._watch,
            delays=Delays(visits=self.visits, clock=self.clock),
            again=self.parts.making.later,
            patience=self.patience,
        )
        policy = Policy(first=0.02, cap=0.05)
        self.worker = Worker(
            db,
            self.doing.handlers,
            self.clock,
            mourners=self.doing.mourners,
            listener=self.listener,
            policy=policy,
            poll=0.1,
            concurrency=8,
        )

    async def _watch(self, _: Account, meeting: Meeting) -> None:
        if self.deaf is not None:
            raise self.deaf
        self.watched.append(meeting)

    # ------------------------------------------------------------------ what people do

    async def set(self, **changes: Any) -> Settings:
        """An administrator saves."""
        async with self.db.tenant(self.tenant) as tx:
            was = await self.parts.settings.get(tx)
            kind = changes.pop("kind", None)
            now = await self.parts.settings.save(tx, {**_typed(changes)}, revision=was.revision, by=SYSTEM) if changes else was
            return now if kind is None else await self.parts.settings.save(tx, _typed({"kind": kind}), revision=now.revision, by=SYSTEM)

    async def come(
        self, role: PersonRole, name: str = "", *, csn: str = "1853", system: str = "csn", starts_at: datetime | None = None
    ) -> tuple[Visit, Participant]:
        """Somebody is given a place."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.open_or_join(
                tx,
                connection=CONNECTION,
                identifiers=[Identifier(CONNECTION, system, csn)],
                role=role,
                person=f"{role}-{name}",
                person_type="id",
                name=name,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=30) if starts_at else None,
            )

    async def arrive(self, visit: VisitId, *people: Participant) -> Visit:
        """They come in; who is no clinician waits."""
        async with self.db.tenant(self.tenant) as tx:
            for one in people:
                found = await self.visits.arrive(tx, visit, one.id)
        return found

    async def bind(self, visit: VisitId, who: Participant, object_id: str) -> None:
        """They sign in with Microsoft."""
        async with self.db.tenant(self.tenant) as tx:
            found = await self.visits.get(tx, visit, lock=True)
            await self.bindings.bind(tx, found, found.person(who.id) or who, object_id, by=SYSTEM)

    async def step(self, what: str, *args: Any, **more: Any) -> Any:
        """One of the visits' own steps, or of what it is told (`attending.came`)."""
        async with self.db.tenant(self.tenant) as tx:
            doer = self.visits.attending if hasattr(self.visits.attending, what) else self.visits
            return await getattr(doer, what)(tx, *args, **more)

    # ------------------------------------------------------------------ what is to be seen

    async def meeting(self, visit: VisitId) -> Meeting | None:
        """As it is kept."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.kept.get(tx, visit)

    async def place(self, visit: VisitId, me: Participant | None = None) -> MeetingPlace:
        """As the pages show it."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.choice.place(tx, await self.visits.get(tx, visit), me.id if me else None)

    async def way(self, visit: VisitId, who: Participant) -> str:
        """The way in."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.choice.way(tx, await self.visits.get(tx, visit), who.id)

    async def events(self, visit: VisitId) -> Sequence[VisitEvent]:
        """The visit's list."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.events(tx, visit)

    async def kinds(self, visit: VisitId) -> list[str]:
        """What is in it about the meeting."""
        about = {"meeting_made", "meeting_failed", "live_delayed", "live_resumed", "call_ended", "ended", "cancelled"}
        return [event.kind.value for event in await self.events(visit) if event.kind.value in about]

    async def idle(self) -> None:
        """Wait until nothing is left to be done."""

        async def nothing() -> bool:
            async with self.db.tenant(self.tenant) as tx:
                return not await self.effects.list(self.tenant, tx, states={EffectState.READY, EffectState.RUNNING})

        await until(nothing, what="everything promised is done")


def _typed(changes: dict[str, Any]) -> dict[str, Any]:
    """Words as what settings keep."""
    kinds = {"kind": MeetingKind, "proof": ProofKind, "opens": Opens}
    return {name: kinds[name](value) if name in kinds else value for name, value in changes.items()}


@asynccontextmanager
async def meeting_office(db: Database, tenant: TenantId, url: str) -> AsyncIterator[MeetingOffice]:
    """An organisation that meets in Teams, with its worker at work."""
    office = MeetingOffice(db, tenant, url)
    await office.listener.start()
    await office.set(**CONNECTED)
    working = asyncio.create_task(office.worker.run())
    yield office
    await office.worker.stop()
    await working
    await office.listener.stop()
