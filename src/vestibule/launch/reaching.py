"""What a launch says of how the patient can be reached: a telephone number in the token answer, noted for the visit it belongs to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from vestibule.kit.ids import ConnectionId, ParticipantId
from vestibule.kit.phone import e164
from vestibule.platform.db import Tx
from vestibule.visits.model import Visit
from vestibule.visits.service import Contact, Visits

# In which country a number without its code is, for a connection (ISO 3166-1 alpha-2).
Regions = Callable[[Tx, ConnectionId], Awaitable[str]]


async def usual_region(_tx: Tx, _connection: ConnectionId) -> str:
    """Where nobody says otherwise."""
    return "US"


async def note_phone(
    tx: Tx, visits: Visits, visit: Visit, patient: ParticipantId, phone: str, *, regions: Regions, connection: ConnectionId
) -> None:
    """Keep the number with what else is known of them; one that cannot be a number is passed over."""
    number = e164(phone, await regions(tx, connection)) if phone else ""
    if not number:
        return
    known = await visits.contacts.of(tx, patient)
    await visits.contacts.note(tx, visit.id, patient, replace(known.contact if known else Contact(), phone=number))
