"""The doctor's findings, kept with their time: asking again is a press of a button, reading them is not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vestibule.doctor.model import Finding
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.db import Tx
from vestibule.portal.model import Report
from vestibule.portal.store import PortalStore, read_findings


class Reports:
    """Keeps two reports a connection: `address`, when its address was entered, and `check`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._store = PortalStore()

    async def keep(
        self, tx: Tx, connection: ConnectionId, kind: str, findings: Iterable[Finding], *, revision: int, suggested: str = ""
    ) -> None:
        """Keep what was found now, instead of what was found before; `suggested` stays with the finding that names it."""
        plain = [_plain(one, suggested) for one in findings]
        await self._store.put_report(_tenant(tx), tx, connection, kind, revision=revision, at=self._clock.now(), findings=plain)

    async def of(self, tx: Tx, connections: list[ConnectionId]) -> dict[tuple[ConnectionId, str], Report]:
        """The kept reports, by connection and kind."""
        rows = await self._store.reports(_tenant(tx), tx, connections)
        return {(ConnectionId(row["connection_id"]), row["kind"]): _report(row) for row in rows}

    async def one(self, tx: Tx, connection: ConnectionId, kind: str) -> Report | None:
        """One report of one connection."""
        return (await self.of(tx, [connection])).get((connection, kind))


def _plain(one: Finding, suggested: str) -> dict[str, str]:
    plain = {"level": one.level.value, "code": one.code, "what": one.what, "remedy": one.remedy}
    return plain | {"use": suggested} if suggested and suggested in one.remedy else plain


def _report(row: Any) -> Report:
    return Report(row["at"], row["revision"], tuple(read_findings(row)))


def _tenant(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("reports belong to an organisation: use db.tenant(...)")
    return tx.tenant
