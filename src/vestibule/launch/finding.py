"""Which connection a launch belongs to: the one whose FHIR base URL is `iss` to the letter and that is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from vestibule.errors import Conflict, NotFound, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.launch.model import Pressed
from vestibule.platform.db import Database
from vestibule.tenancy.model import Connection, Environment
from vestibule.tenancy.service import CHANNEL, Tenancy

_KEEP: Final = 5.0  # seconds
_MOST_CONCERNED: Final = 20  # organisations of one shared record that hear of a launch which belongs to none of them
_START: Final = "launch.start"


class Channel(Protocol):
    """What tells this node of notifications: platform/db's Listener."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with each payload, and `on_gap` when some may have been missed."""
        ...


class Finder:
    """Finds connections; one for the process.

    What was found is remembered for five seconds, because a morning's launches come from one record. A version that goes into force, or
    a connection that is removed, is heard of at once where the process listens, and after those five seconds otherwise.
    """

    def __init__(self, db: Database, clock: Clock, tenancy: Tenancy) -> None:
        self._db = db
        self._clock = clock
        self._tenancy = tenancy
        self._kept: dict[tuple[str, ConnectionId | None], tuple[Connection, float]] = {}
        self._heard = 0

    def listen(self, channel: Channel) -> None:
        """Hear of connections that serve differently from now on."""
        channel.subscribe(CHANNEL, lambda _: self.forget(), self.forget)

    def forget(self) -> None:
        """Look again next time."""
        self._heard += 1
        self._kept.clear()

    async def connection_of(self, asked: Pressed) -> Connection:
        """The one connection in force that a launch belongs to.

        Raises:
            NotFound: launch-unknown-iss. Conflict: launch-not-approved, launch-wrong-environment, launch-ambiguous.
        """
        key = (asked.iss, asked.connection)
        kept, until = self._kept.get(key, (None, 0.0))
        if kept is not None and self._clock.monotonic() < until:
            return kept
        heard, found = self._heard, await self._look(asked)
        if heard == self._heard:  # not what changed while we looked; and what strangers make up is refused, so never kept
            self._kept[key] = (found, self._clock.monotonic() + _KEEP)
        return found

    async def concerned(self, asked: Pressed) -> dict[TenantId, ConnectionId]:
        """Whose analyst may look for a launch that belongs to no one connection: one connection of each organisation.

        The one that the address names, those in force that have the FHIR base URL, and those that are about to have it.
        """
        found: dict[TenantId, ConnectionId] = {}
        for tenant in (await self._tenancy.tenants_of_iss(self._db, asked.iss))[:_MOST_CONCERNED]:
            one = await self._of(tenant, asked.iss)
            found |= {tenant: one.id} if one else {}
        for tenant in await self._tenancy.whose_waiting(self._db, asked.iss):
            if tenant not in found:
                async with self._db.tenant(tenant) as tx:
                    waiting = await self._tenancy.waiting(tx, asked.iss)
                found |= {tenant: waiting[0]} if waiting else {}
        named = await self._tenancy.anyones_connection(self._db, asked.connection) if asked.connection else None
        return found | ({named.tenant: named.id} if named else {})

    async def _look(self, asked: Pressed) -> Connection:
        """A record that many organisations share is as quickly found as any: only the one connection is read."""
        if asked.connection is not None:
            named = await self._tenancy.anyones_connection(self._db, asked.connection)
            if named is None or named.iss != asked.iss or not named.serving:
                raise await self._misnamed(asked, named)
            return named
        tenants = await self._tenancy.tenants_of_iss(self._db, asked.iss)
        if len(tenants) > 1:
            raise Conflict(
                "launch-ambiguous", "Several organisations share this record; the launch address must name the connection.", phase=_START
            )
        found = await self._of(tenants[0], asked.iss) if tenants else None
        if found is None:
            raise await self._unknown(asked.iss)
        return found

    async def _of(self, tenant: TenantId, iss: str) -> Connection | None:
        async with self._db.tenant(tenant) as tx:
            return await self._tenancy.connection_by_iss(tx, iss)

    async def _unknown(self, iss: str) -> VestibuleError:
        if await self._tenancy.whose_waiting(self._db, iss):
            return not_approved()
        return NotFound(
            "launch-unknown-iss", "This record is not connected here. Please tell your support team the reference below.", phase=_START
        )

    async def _misnamed(self, asked: Pressed, named: Connection | None) -> VestibuleError:
        """Why the connection that the address names is not the record the button was pressed in."""
        if named is not None and named.iss == asked.iss:
            return not_approved()
        tenants = await self._tenancy.tenants_of_iss(self._db, asked.iss)
        if not tenants:
            return await self._unknown(asked.iss)
        pressed = await self._of(named.tenant if named is not None and named.tenant in tenants else tenants[0], asked.iss)
        return _wrong_environment(pressed, named)


def not_approved(phase: str = _START) -> Conflict:
    """The refusal of a launch whose connection is known and not in force."""
    return Conflict(
        "launch-not-approved",
        "This record is not in use here: its connection waits for approval, or was removed. Please tell your support team.",
        phase=phase,
    )


def _wrong_environment(pressed: Connection | None, named: Connection | None) -> Conflict:
    """The sentence that names the mistake."""
    code = "launch-wrong-environment"
    if pressed is None or named is None or pressed.environment == named.environment:
        return Conflict(code, "The launch address of this button names another connection than the record it was pressed in.", phase=_START)
    if pressed.environment is Environment.TEST:
        return Conflict(
            code,
            "This button was pressed in the test environment of the record, but its launch address belongs to production.",
            phase=_START,
        )
    return Conflict(
        code,
        "This button was pressed in the production environment of the record, but its launch address belongs to the test environment.",
        phase=_START,
    )
