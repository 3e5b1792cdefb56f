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
        self._kept: dict[str, tuple[list[Connection], float]] = {}
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
        found = await self._serving(asked.iss)
        if asked.connection is not None:
            named = next((one for one in found if one.id == asked.connection), None)
            if named is None:
                raise await self._misnamed(asked, asked.connection, found)
            return named
        if not found:
            raise await self._unknown(asked.iss)
        if len(found) > 1:
            raise Conflict(
                "launch-ambiguous", "Several organisations share this record; the launch address must name the connection.", phase=_START
            )
        return found[0]

    async def concerned(self, asked: Pressed) -> dict[TenantId, ConnectionId]:
        """Whose analyst may look for a launch that belongs to no one connection: one connection of each organisation.

        The one that the address names, those in force that have the FHIR base URL, and those that are about to have it.
        """
        found = {one.tenant: one.id for one in reversed(await self._serving(asked.iss))}
        for tenant in await self._tenancy.whose_waiting(self._db, asked.iss):
            if tenant not in found:
                async with self._db.tenant(tenant) as tx:
                    waiting = await self._tenancy.waiting(tx, asked.iss)
                found |= {tenant: waiting[0]} if waiting else {}
        named = await self._tenancy.anyones_connection(self._db, asked.connection) if asked.connection else None
        return found | ({named.tenant: named.id} if named else {})

    async def _serving(self, iss: str) -> list[Connection]:
        found, until = self._kept.get(iss, ([], 0.0))
        if self._clock.monotonic() < until:
            return found
        heard = self._heard
        found = await self._tenancy.whose_iss(self._db, iss)
        if found and heard == self._heard:  # what strangers make up is not remembered, nor what changed while we looked
            self._kept[iss] = (found, self._clock.monotonic() + _KEEP)
        return found

    async def _unknown(self, iss: str) -> VestibuleError:
        if await self._tenancy.whose_waiting(self._db, iss):
            return not_approved()
        return NotFound(
            "launch-unknown-iss", "This record is not connected here. Please tell your support team the reference below.", phase=_START
        )

    async def _misnamed(self, asked: Pressed, connection: ConnectionId, found: list[Connection]) -> VestibuleError:
        """Why the connection that the address names is not the record the button was pressed in."""
        named = await self._tenancy.anyones_connection(self._db, connection)
        if named is not None and not named.serving and named.iss == asked.iss:
            return not_approved()
        if not found:
            return await self._unknown(asked.iss)
        pressed = next((one.environment for one in found if named is not None and one.tenant == named.tenant), found[0].environment)
        return _wrong_environment(pressed, named.environment if named is not None else pressed)


def not_approved(phase: str = _START) -> Conflict:
    """The refusal of a launch whose connection is known and not in force."""
    return Conflict(
        "launch-not-approved",
        "This record is not in use here: its connection waits for approval, or was removed. Please tell your support team.",
        phase=phase,
    )


def _wrong_environment(pressed: Environment, named: Environment) -> Conflict:
    """The sentence that names the mistake."""
    code = "launch-wrong-environment"
    if pressed == named:
        return Conflict(code, "The launch address of this button names another connection than the record it was pressed in.", phase=_START)
    if pressed is Environment.TEST:
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
