"""A clinic that texts its patients: visits, messages and a worker wired together, and a carrier that writes down whatever it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from support.effects import working
from support.message_office import TEST_BOX, MessageOffice
from support.waiting import until
from vestibule.auditing.witness import Witness
from vestibule.kit.clock import Clock, FrozenClock, SystemClock
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId, new_id
from vestibule.messages.model import KIND, Accepted, Account, CarrierKind, Incoming, Message, Outgoing, Receipt, Refused, Sender
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outcomes import Outcomes
from vestibule.messages.outlook import Outlook
from vestibule.messages.pacing import Pacing
from vestibule.messages.pending import Pending
from vestibule.messages.ports import Hook, HookAnswer
from vestibule.messages.preparing import Preparing
from vestibule.messages.receipts import Receipts
from vestibule.messages.routing import Routes
from vestibule.messages.sending import Sending
from vestibule.messages.service import Messages
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import Effects, Policy, Worker
from vestibule.visits.model import Identifier, Place, VisitEvent
from vestibule.visits.service import Appointment, Contact, Visits

PHONE = "+16085550134"
ORIGIN = "https://visits.alder.example"
Answer = Accepted | Refused | Exception


@dataclass
class Handset:
    """A carrier and the phones behind it. `answers` are given in turn; then everything is accepted."""

    answers: deque[Answer] = field(default_factory=deque)
    got: list[Outgoing] = field(default_factory=list)
    asked: int = 0
    answers_keywords: bool = False
    before: Callable[[Outgoing], Awaitable[None]] | None = None

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        self.asked += 1
        if self.before is not None:
            await self.before(message)
        answer = self.answers.popleft() if self.answers else Accepted(f"c-{message.id}-{self.asked}")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Accepted):
            self.got.append(message)
        return answer

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:
        return HookAnswer()

    async def check(self, account: Account) -> None:
        """It works."""

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.got]


@dataclass
class Post:
    """Everything a test of messages needs."""

    db: Database
    tenant: TenantId
    clock: Clock
    office: MessageOffice
    visits: Visits
    messages: Messages
    outcomes: Outcomes
    optouts: OptOuts
    receipts: Receipts
    sending: Sending
    handset: Handset
    connection: ConnectionId
    department: DepartmentId
    account: Account
    sender: Sender

    # ------------------------------------------------------------------ what the record says

    async def appoint(
        self,
        starts_in: timedelta = timedelta(days=3),
        *,
        csn: str = "1853",
        phone: str = PHONE,
        email: str = "",
        language: str = "en",
        place: Place = Place.HOME,
        system: str = "csn",
    ) -> tuple[VisitId, ParticipantId]:
        """An appointment, as the feed tells it: once more with other facts to move it."""
        async with self.db.tenant(self.tenant) as tx:
            return await self.appoint_in(tx, starts_in, csn=csn, contact=Contact(phone, email, language), place=place, system=system)

    async def appoint_in(
        self, tx: Tx, starts_in: timedelta, *, csn: str, contact: Contact, place: Place = Place.HOME, system: str = "csn"
    ) -> tuple[VisitId, ParticipantId]:
        starts_at = self.clock.now() + starts_in
        one = Appointment(
            self.connection,
            csn,
            [Identifier(self.connection, system, csn)],
            self.department,
            starts_at,
            starts_at + timedelta(minutes=30),
            place,
        )
        visit, person = await self.visits.appointments.appoint(tx, one)
        await self.visits.contacts.note(tx, visit, person.id, contact)
        return visit.id, person.id

    async def cancel(self, visit: VisitId) -> None:
        async with self.db.tenant(self.tenant) as tx:
            await self.visits.cancel(tx, visit)

    async def do(self, step: Callable[[Tx], Awaitable[Any]]) -> Any:
        """Something in a transaction of its own."""
        async with self.db.tenant(self.tenant) as tx:
            return await step(tx)

    # ------------------------------------------------------------------ what there is

    async def all(self, visit: VisitId) -> list[Message]:
        return await self.do(lambda tx: self.messages.of_visit(tx, visit))  # type: ignore[no-any-return]

    async def states(self, visit: VisitId) -> list[tuple[str, str]]:
        return [(one.purpose.value, one.state.value) for one in await self.all(visit)]

    async def kinds(self, visit: VisitId) -> list[str]:
        return [event.kind.value for event in await self.events(visit)]

    async def events(self, visit: VisitId) -> list[VisitEvent]:
        return await self.do(lambda tx: self.visits.events(tx, visit))  # type: ignore[no-any-return]

    async def contacts(self, visit: VisitId) -> int:
        return len(await self.do(lambda tx: self.visits.contacts.of_visit(tx, visit)))

    # ------------------------------------------------------------------ what happens outside

    @asynccontextmanager
    async def working(self, **more: Any) -> AsyncIterator[Worker]:
        """A worker that sends what is due as long as the block."""
        usual = {"mourners": {KIND: self.outcomes.mourn}, "policy": Policy(tries=6, first=0.02, cap=0.05)}
        async with working(self.db, {KIND: self.sending.handle}, **(usual | more)) as worker:
            yield worker

    async def run(self, **more: Any) -> None:
        """Until nothing is due any more."""
        async with self.working(**more):
            await until(self.idle, what="everything due is sent", seconds=30)

    async def idle(self) -> bool:
        due = "state = 'running' or (state = 'ready' and run_at <= now() + interval '2 seconds')"
        sql = f"select not exists (select from effects where {due})"
        return bool(await self.do(lambda tx: tx.fetchval(sql)))

    async def due_now(self, visit: VisitId, purpose: str = "reminder") -> None:
        """Let the time of some messages come."""
        await self.do(
            lambda tx: tx.execute(
                "update effects set run_at = now() where state = 'ready' and id in"
                " (select effect_id from messages where visit_id = $1 and purpose = $2)",
                visit,
                purpose,
            )
        )

    async def receipt(self, *receipts: Receipt) -> None:
        await self.receipts.take(self.db, self.account, HookAnswer(receipts))

    async def answer(self, text: str, *, phone: str = PHONE, carrier_id: str = "") -> None:
        """The patient texts back."""
        incoming = Incoming(self.sender.address, phone, text, carrier_id)
        await self.receipts.take(self.db, self.account, HookAnswer(incoming=[incoming]))


async def post(
    db: Database, tenant: TenantId, *, clock: Clock | None = None, handset: Handset | None = None, per_minute: int = 60_000
) -> Post:
    """A clinic with one connection, one account and one sender, quiet hours switched off."""
    clock = clock or SystemClock()
    office, handset = MessageOffice(clock), handset or Handset()
    async with db.tenant(tenant) as tx:
        await tx.execute("update tenants set name = 'Alder Clinic', support_phone = '555-0134' where id = $1", tenant)
        department = await office.tenancy.add_department(tx, name="Cardiology", zone="America/Chicago", external="1")
        connection = await office.connection(tx)
        account = await office.account(tx)
        sender = await office.sender(tx, account, connection, per_minute=per_minute)
        await office.consented(tx)
        await office.policy(tx, connection, quiet_from=datetime.min.time(), quiet_to=datetime.min.time())
    return wired(db, tenant, handset, office, connection, department.id, account, sender)


def wired(
    db: Database,
    tenant: TenantId,
    handset: Any,
    office: MessageOffice | None = None,
    connection: ConnectionId | None = None,
    department: DepartmentId | None = None,
    account: Account | None = None,
    sender: Sender | None = None,
) -> Post:
    """The services, as wiring puts them together; a worker needs to know nothing of what was set up."""
    office = office or MessageOffice()
    clock, box, effects, audit = office.clock, TEST_BOX, Effects(), Audit(office.clock)
    visits = Visits(clock, box)
    optouts, pending = OptOuts(clock=clock, box=box), Pending(clock=clock, effects=effects)
    outlook = Outlook(visits=visits, tenancy=office.tenancy, optouts=optouts)
    messages = Messages(
        clock=clock,
        box=box,
        visits=visits,
        outlook=outlook,
        optouts=optouts,
        settings=office.settings,
        pending=pending,
        audit=audit,
        portion=3,
    )
    visits.subscribers.extend((Witness(db=db, audit=audit, clock=clock).on_event, messages.on_event))
    outcomes = Outcomes(
        db=db, clock=clock, visits=visits, effects=effects, messages=messages, pending=pending, optouts=optouts, audit=audit
    )
    preparing = Preparing(
        db=db,
        clock=clock,
        box=box,
        visits=visits,
        tenancy=office.tenancy,
        outlook=outlook,
        optouts=optouts,
        settings=office.settings,
        messages=messages,
        origin=ORIGIN,
    )
    ticking = SystemClock()  # moments are real whatever day the test lives in
    carriers = dict.fromkeys(CarrierKind, handset)
    sending = Sending(
        clock=ticking if not isinstance(clock, FrozenClock) else _Ticking(clock),
        pacing=Pacing(db=db, clock=ticking, holder=str(new_id())),
        routes=Routes(db=db, clock=ticking, settings=office.settings),
        preparing=preparing,
        outcomes=outcomes,
        carriers=carriers,
        hook_url=lambda one: f"{ORIGIN}/hooks/{one.id}",
    )
    receipts = Receipts(
        clock=clock,
        outcomes=outcomes,
        messages=messages,
        optouts=optouts,
        settings=office.settings,
        tenancy=office.tenancy,
        carriers=carriers,
        audit=audit,
    )
    given: Any = (handset, connection, department, account, sender)
    return Post(db, tenant, clock, office, visits, messages, outcomes, optouts, receipts, sending, *given)


class _Ticking:
    """The day of a frozen clock, the seconds of the real one."""

    def __init__(self, day: FrozenClock) -> None:
        self._day, self._real = day, SystemClock()

    def now(self) -> datetime:
        return self._day.now()

    def monotonic(self) -> float:
        return self._real.monotonic()
