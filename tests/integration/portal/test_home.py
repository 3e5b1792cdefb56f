"""Home says what an organisation whose connection serves may want next, until it has it."""

from __future__ import annotations

from support.house import House
from support.message_office import MessageOffice
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import SYSTEM

NEXT = "What you may want next"


async def test_home_leads_on_to_appointments_and_messages_until_both_are_set(h: House) -> None:
    admin, engineer = await h.staff({StaffRole.ADMINISTRATOR}), await h.staff({StaffRole.INTEGRATION_ENGINEER})
    assert NEXT in (await admin.get("home"))[1]
    assert NEXT not in (await engineer.get("home"))[1]
    connection = ConnectionId(h.connection.id)
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.feed_settings.change(tx, connection, {"enabled": True}, revision=0, by=SYSTEM)
    page = (await admin.get("home"))[1]
    assert [NEXT in page, page.count("Done:")] == [True, 1]
    async with h.parts.db.tenant(h.tenant) as tx:
        await MessageOffice(box=h.parts.box).policy(tx, connection)
    assert NEXT not in (await admin.get("home"))[1]
