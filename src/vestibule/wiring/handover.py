"""What is handed over to the people at the record, put together."""

from __future__ import annotations

from urllib.parse import urlsplit

from vestibule.adapters.meetings.room.rehearsing import RoomRehearsal
from vestibule.launch.service import Launches
from vestibule.platform.db import Tx
from vestibule.records.model import Inlet
from vestibule.records.service import Inlets, Records
from vestibule.rehearsal.service import Rehearsals
from vestibule.tenancy.model import Connection
from vestibule.wiring.parts import Parts


def handover_services(parts: Parts, launches: Launches) -> dict[str, object]:
    """What the pages of records and rehearsals ask for by name."""
    records = Records(
        tenancy=parts.tenancy,
        visits=parts.visits,
        used=launches.history.reference_of,
        clock=parts.clock,
        audit=parts.audit,
        origin=parts.settings.origin,
        inlets=_inlets(parts),
    )
    rehearsals = Rehearsals(
        db=parts.db,
        clock=parts.clock,
        tenancy=parts.tenancy,
        identity=parts.identity,
        visits=parts.visits,
        launches=launches,
        audit=parts.audit,
        outside=parts.http,
        room=RoomRehearsal(parts.room),
        records=parts.records,
        origin=parts.settings.origin,
        loopback_http=parts.settings.allow_loopback_http,
    )
    return {"records": records, "rehearsals": rehearsals}


def _inlets(parts: Parts) -> Inlets:
    """Where a connection's appointments are taken, as its settings and this deployment's say."""
    settings = parts.feed_settings

    async def inlet(tx: Tx, connection: Connection) -> Inlet | None:
        one = await settings.get(tx, connection.id)
        if not one.enabled:
            return None
        certificates = await settings.certificates(tx, connection.id)
        host, secure = urlsplit(parts.settings.origin).hostname or "", bool(parts.settings.tls_certificate)
        return Inlet(
            host=host,
            tls_port=parts.settings.mllp_port if secure else None,
            plain_port=one.plain_port,
            url=f"https://{host}:{parts.settings.hl7_https_port}/hl7" if secure else "",
            networks=one.networks,
            senders=tuple(f"{found.subject} ({found.not_after:%Y-%m-%d})" for found in certificates),
        )

    return inlet
