"""Launches, put together: the web begins and finishes them, the worker forgets them."""

from __future__ import annotations

from vestibule.kit.ids import ConnectionId
from vestibule.launch.reaching import Regions
from vestibule.launch.record import RecordClient
from vestibule.launch.service import Launches
from vestibule.platform.db import Tx
from vestibule.wiring.cells import of_another_region
from vestibule.wiring.parts import Parts


def make_launches(parts: Parts) -> Launches:
    """One for the process."""
    record = RecordClient(parts.http, parts.clock, loopback_http=parts.settings.allow_loopback_http)
    return Launches(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        tenancy=parts.tenancy,
        identity=parts.identity,
        visits=parts.visits,
        record=record,
        origin=parts.settings.origin,
        audit=parts.audit,
        elsewhere=lambda asked: of_another_region(parts.cells, asked),
        regions=regions_of(parts),
    )


def regions_of(parts: Parts) -> Regions:
    """A number that a launch brings is of the country that the connection's appointments are of."""

    async def region(tx: Tx, connection: ConnectionId) -> str:
        return (await parts.feed_settings.get(tx, connection)).region

    return region
