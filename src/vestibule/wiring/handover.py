"""What is handed over to the people at the record, put together."""

from __future__ import annotations

from vestibule.adapters.meetings.room.rehearsing import RoomRehearsal
from vestibule.launch.service import Launches
from vestibule.records.service import Records
from vestibule.rehearsal.service import Rehearsals
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
