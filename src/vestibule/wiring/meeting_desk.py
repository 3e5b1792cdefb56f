"""The pages on which an organisation chooses where visits take place, on a process's parts."""

from __future__ import annotations

from collections.abc import Sequence

from vestibule.adapters.meetings.teams import Places
from vestibule.kit.ids import TenantId
from vestibule.meetings.desk.frame import MeetingDesk
from vestibule.meetings.model import Judged
from vestibule.meetings.store.looking import LookingStore
from vestibule.wiring.parts import Parts


def make_meeting_desk(parts: Parts) -> MeetingDesk:
    """What the pages about meetings work with."""

    async def check(tenant: TenantId) -> Sequence[Judged]:
        found = await parts.doctor.meetings(tenant)
        return [Judged(one.level.value, one.code, one.what, one.remedy, one.docs) for one in found]

    return MeetingDesk(
        db=parts.db,
        clock=parts.clock,
        tenancy=parts.tenancy,
        audit=parts.audit,
        settings=parts.meetings.settings,
        keys=parts.meetings.keys,
        bindings=parts.meetings.bindings,
        check=check,
        origin=parts.settings.origin,
        login=Places.of(parts.settings.graph_url, parts.settings.entra_authority).login,
        looking=LookingStore(),
    )
