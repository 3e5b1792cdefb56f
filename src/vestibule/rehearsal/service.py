"""The rehearsal: a visit that nobody is in, over the path that real ones take, each step judged.

    record: discovery -> our keys -> a token for the back end
    visit:  clinician -> patient -> waiting room -> let in -> the room -> what was written down
    after:  what the record would be told -> the end -> nothing left

The visit belongs to no connection, so that write-back stays silent of itself, and has an identifier of the system `synthetic`, by which
reports leave it out. Whatever happens, it is ended and forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vestibule.errors import Conflict, VestibuleError
from vestibule.identity.service import Identity
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.launch.service import Launches
from vestibule.platform.audit import Actor, Audit, Outcome
from vestibule.platform.db import Database
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web.i18n import gettext as _
from vestibule.rehearsal.model import Found, Report, State, Step
from vestibule.rehearsal.ports import Outside, Room
from vestibule.rehearsal.record import TheirSide
from vestibule.rehearsal.visit import OurSide
from vestibule.tenancy.model import Connection, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.service import Visits
from vestibule.writeback.ports import Record

Work = Callable[[], Awaitable[Found]]


class Rehearsals:
    """Runs rehearsals."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        tenancy: Tenancy,
        identity: Identity,
        visits: Visits,
        launches: Launches,
        audit: Audit,
        outside: Outside,
        room: Room,
        records: dict[Vendor, Record],
        origin: str,
        loopback_http: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._tenancy = tenancy
        self._identity = identity
        self._visits = visits
        self._launches = launches
        self._audit = audit
        self._outside = outside
        self._room = room
        self._records = records
        self._origin = origin
        self._loopback = loopback_http

    async def run(self, tenant: TenantId, connection: ConnectionId, *, send: bool, by: Actor) -> Report:
        """Rehearse a connection that is in force.

        Args:
            tenant: whose.
            connection: which.
            send: tell a test record of it, too; a production record is never told.
            by: who asked.

        Raises:
            Conflict: rehearsal-not-in-force. NotFound: no-such-thing.
        """
        async with self._db.tenant(tenant) as tx:
            one = await self._tenancy.connection(tx, connection)
        if not one.serving:
            raise Conflict("rehearsal-not-in-force", "This connection is not in force yet.", phase="rehearsal")
        steps = await self._record_steps(one)
        steps += await self._visit_steps(one, send=send)
        report = Report(tuple(steps))
        async with self._db.tenant(tenant) as tx:
            detail = {"failed": " ".join(step.name for step in report.failed)} if report.failed else {}
            outcome = Outcome.SUCCESS if report.good else Outcome.FAILED
            self._audit.note(tx, "rehearsal.run", by=by, about=("connection", connection), outcome=outcome, detail=detail)
        return report

    async def _record_steps(self, one: Connection) -> list[Step]:
        theirs = TheirSide(one, self._db, self._clock, self._tenancy, self._outside, self._origin, loopback_http=self._loopback)
        return [
            await self._step("discovery", _("The record says where to sign in"), theirs.discovery),
            await self._step("keys", _("Our public keys are there"), theirs.keys),
            await self._step("token", _("The back end gets a token"), theirs.token),
        ]

    async def _visit_steps(self, one: Connection, *, send: bool) -> list[Step]:
        ours = OurSide(one, self._db, self._identity, self._visits, self._room)
        record = self._records.get(one.vendor)
        steps: list[Step] = []
        try:
            walk: list[tuple[str, str, Work]] = [
                ("clinician", _("A clinician comes into a synthetic visit"), ours.clinician),
                ("patient", _("A patient comes to the same visit"), ours.patient),
                ("waiting", _("The patient waits, and nothing of the room reaches them"), ours.waiting),
                ("admitted", _("The clinician lets them in"), ours.admitted),
                ("room", _("Both are in the room and hear each other's signals"), ours.in_room),
                ("events", _("Who connected and disconnected was written down"), ours.events),
            ]
            for name, title, work in walk:
                broken = any(step.found.state is State.FAILED for step in steps)
                steps.append(await self._step(name, title, _skipped if broken else work))
            title = _("What the record would be told")
            steps.append(await self._step("write-back", title, lambda: ours.told(record, send=send)))
        finally:
            ended = await self._step("ended", _("The visit is ended"), ours.end)
            erased = await self._step("erased", _("Nothing of anybody is left"), ours.erased)
        return [*steps, ended, erased]

    async def _step(self, name: str, title: str, work: Work) -> Step:
        """One step with its time; whatever it raises is what was found."""
        at, began = self._clock.now(), self._clock.monotonic()
        try:
            found = await work()
        except VestibuleError as error:
            meaning = self._launches.meaning(error.code)
            found = Found(State.FAILED, f"{error.sentence} {meaning.cause}", meaning.remedy, error.code)
        except TimeoutError:
            found = Found(State.FAILED, _("It took too long."), _("Look in the log of serve; try again."))
        except Exception as error:  # noqa: BLE001  a rehearsal finds faults, also ours, and always tidies up
            log.error("rehearsal-step-failed", step=name, error=type(error).__name__)
            found = Found(State.FAILED, _("The program itself failed here."), _("Look in the log of serve for this time, and report it."))
        return Step(name, title, at, round((self._clock.monotonic() - began) * 1000), found)


async def _skipped() -> Found:
    return Found(State.SKIPPED, _("Not tried, because a step before it failed."))
