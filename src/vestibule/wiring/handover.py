"""What is handed over to the people at the record, put together."""

from __future__ import annotations

from vestibule.launch.service import Launches
from vestibule.records.service import Records
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
    return {"records": records}
