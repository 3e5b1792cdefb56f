"""The record pack of a connection, the comparison with what the EHR holds, and addresses taken apart. Nothing pasted is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from vestibule.errors import Conflict, NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, VisitId, new_id
from vestibule.launch.model import LaunchKind
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.platform.web.i18n import gettext as _
from vestibule.records import kinds
from vestibule.records.comparing import compare
from vestibule.records.downloads import as_csv, as_text
from vestibule.records.explaining import Apart, about_connection, take_apart
from vestibule.records.model import Difference, Inlet, Level, Neighbour, Record, Statement
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import SYNTHETIC, Identifier, PersonRole, VisitState
from vestibule.visits.service import Visits, WindowState, join_window

# What features above may use of us; the rest is our inside.
__all__ = ["Records", "TestLink", "as_csv", "as_text", "compare"]

# The reference of the launch that used a `launch` value of a connection; empty when nobody has.
Used = Callable[[Tx, ConnectionId, str], Awaitable[str]]
# Where a connection's appointments are taken; None where they are not.
Inlets = Callable[[Tx, Connection], Awaitable[Inlet | None]]
_LINK_LIVES = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class TestLink:
    """A short link into a synthetic visit; its code is shown once."""

    __test__ = False  # no test, in spite of its name

    code: str = field(repr=False)
    expires_at: datetime


async def _no_inlet(_tx: Tx, _connection: Connection) -> Inlet | None:
    return None


class Records:
    """What is handed over to the people at the record. Methods taking `tx` act within its organisation."""

    def __init__(
        self, *, tenancy: Tenancy, visits: Visits, used: Used, clock: Clock, audit: Audit, origin: str, inlets: Inlets = _no_inlet
    ) -> None:
        self._inlets = inlets
        self._tenancy = tenancy
        self._visits = visits
        self._used = used
        self._clock = clock
        self._audit = audit
        self.origin = origin

    async def inlet(self, tx: Tx, connection: Connection) -> Inlet | None:
        """Where its appointments are taken."""
        return await self._inlets(tx, connection)

    def pack(self, connection: Connection, inlet: Inlet | None = None) -> list[Record]:
        """Every record of a connection that is in force."""
        return kinds.pack(connection, self.origin, inlet)

    def record(self, connection: Connection, kind: str, inlet: Inlet | None = None) -> Record:
        """One of them.

        Raises:
            NotFound: record-unknown.
        """
        found = next((one for one in self.pack(connection, inlet) if one.kind == kind), None)
        if found is None:
            raise NotFound("record-unknown", "This connection has no such record.", phase="records")
        return found

    async def compare(self, tx: Tx, connection: Connection, kind: str, pasted: str) -> list[Difference]:
        """What the EHR holds against what we gave it."""
        others = [Neighbour(str(c.id), c.name, c.environment) for c in await self._tenancy.connections(tx) if c.id != connection.id]
        return compare(self.record(connection, kind, await self.inlet(tx, connection)), pasted, others)

    # ------------------------------------------------------------------ addresses

    async def explain(self, tx: Tx, url: str) -> list[Statement]:
        """What can be said of a launch address or a short link; of other organisations' nothing at all."""
        apart = take_apart(url, self.origin)
        if apart.kind is not None:
            mine = await self._mine(tx, apart)
            found = about_connection(apart, mine)
            if found is not None and apart.launch:
                await self._once(tx, apart, found)
        elif apart.code:
            await self._link(tx, apart)
        if not any(one.level is Level.STOPS for one in apart.said):
            apart.say(Level.GOOD, _("Nothing is wrong with it."))
        return apart.said

    async def _mine(self, tx: Tx, apart: Apart) -> list[Connection]:
        """The organisation's connections that are in force or about to be; of those that were removed nothing is said."""
        serving = [one for one in await self._tenancy.connections(tx) if one.serving]
        known = {one.id for one in serving}
        waiting = [one for one in await self._tenancy.waiting(tx, apart.iss) if one not in known] if apart.iss.isprintable() else []
        return serving + [await self._tenancy.connection(tx, one) for one in waiting]

    async def _once(self, tx: Tx, apart: Apart, connection: Connection) -> None:
        reference = await self._used(tx, connection.id, apart.launch)
        if reference:
            words = _("This launch was used already; its reference is %(reference)s.") % {"reference": reference}
            apart.say(Level.STOPS, words, _("A launch works once: press the button in the record again."))

    async def _link(self, tx: Tx, apart: Apart) -> None:
        """A link of another organisation looks like one that nobody made."""
        try:
            link = await self._visits.find_link(tx, apart.code)
        except NotFound:
            words = _("No link of your organisation has this code.")
            apart.say(Level.STOPS, words, _("Check that it was copied whole, or make a new one."))
            return
        now = self._clock.now()
        visit = await self._visits.get(tx, link.visit)
        connection = await self._tenancy.connection(tx, visit.connection) if visit.connection else None
        early, late = (connection.join_early_minutes, connection.join_late_minutes) if connection else (30, 240)
        window = join_window(visit, now, early_minutes=early, late_minutes=late)
        apart.say(Level.GOOD, _("It is a short link of your organisation, for one person: %(role)s.") % {"role": link.role.value})
        if link.revoked_at is not None:
            apart.say(Level.STOPS, _("It was revoked at %(time)s.") % {"time": _time(link.revoked_at)}, _new_link())
        elif now >= link.expires_at:
            apart.say(Level.STOPS, _("It expired at %(time)s.") % {"time": _time(link.expires_at)}, _new_link())
        if visit.over:
            over = _("Its visit was cancelled.") if visit.state is VisitState.CANCELLED else _("Its visit has ended.")
            apart.say(Level.STOPS, over, _new_link())
        elif window.state is WindowState.TOO_EARLY and window.opens_at is not None:
            words = _("Its visit opens at %(time)s.") % {"time": _time(window.opens_at)}
            apart.say(Level.LOOK, words, _("Until then the page says when to come back."))
        elif window.state is WindowState.OVER:
            apart.say(Level.STOPS, _("The time of its visit is over."), _new_link())

    def samples(self, connection: Connection, launch: str) -> list[tuple[str, str, str]]:
        """Launch addresses with a `launch` value that no record has made: (kind, words, address)."""
        given, found = kinds.Given(connection, self.origin), []
        for kind, words in ((LaunchKind.PROVIDER, _("For clinicians")), (LaunchKind.PATIENT, _("For patients"))):
            if kinds.client_id_of(connection, kind):
                query = urlencode({"iss": connection.iss, "launch": launch})
                found.append((kind.value, words, f"{given.launch_url(kind)}&{query}"))
        return found

    # ------------------------------------------------------------------ test links

    async def test_link(self, tx: Tx, connection: ConnectionId, *, by: Actor) -> TestLink:
        """A short link into a fresh synthetic visit: nobody's appointment, and the record is not told of it."""
        if not (await self._tenancy.connection(tx, connection)).serving:
            raise Conflict("records-not-in-force", "This connection is not in force yet.", phase="records")
        visit = await self.synthetic_visit(tx, connection)
        expires_at = self._clock.now() + _LINK_LIVES
        code = await self._visits.make_link(tx, visit, role=PersonRole.PATIENT, expires_at=expires_at)
        self._audit.note(tx, "link.tested", by=by, about=("connection", connection), detail={"visit": str(visit)})
        return TestLink(code, expires_at)

    async def synthetic_visit(self, tx: Tx, connection: ConnectionId) -> VisitId:
        """A visit for trying things out.

        It belongs to no connection, so that no record is told of it, and carries an identifier of its own system, by which reports
        leave it out.
        """
        name = Identifier(connection, SYNTHETIC, str(new_id()))
        visit, _who = await self._visits.open_or_join(
            tx, connection=None, identifiers=[name], role=PersonRole.PROVIDER, person="", person_type="", name=_("Test clinician")
        )
        return visit.id


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _new_link() -> str:
    return _("Make a new link.")
