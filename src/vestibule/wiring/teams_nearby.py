"""What the doctor may know of an organisation's Microsoft Teams: read in one short transaction, before Microsoft is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from vestibule.doctor.ports import TeamsAnswer, TeamsSeen
from vestibule.errors import Conflict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.keys import MeetingKeys
from vestibule.meetings.model import MONTHLY_LIMIT, Account, Settings
from vestibule.meetings.permissions import PERMISSIONS
from vestibule.meetings.ports import Cloud
from vestibule.meetings.setting import MeetingSettings
from vestibule.meetings.store.looking import LookingStore
from vestibule.meetings.subscriptions import NOTIFICATIONS
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import MeetingKind

_LATELY: Final = timedelta(days=1)
# So many organizers are asked about, the latest; each takes two questions.
_LOOKED_AT: Final = 9
_REFUSED: Final = "teams-not-signed-in"
_NEEDED: Final = tuple((one.names, one.why) for one in PERMISSIONS if one.needed)
_USEFUL: Final = tuple((one.names, one.why) for one in PERMISSIONS if not one.needed)


@dataclass(frozen=True, slots=True)
class TeamsNearby:
    """Asks the settings, then Microsoft.

    Attributes:
        near: Microsoft is played on this machine, so that it reaches what nobody else does.
    """

    db: Database
    box: SecretBox
    clock: Clock
    audit: Audit
    cloud: Cloud
    near: bool = False

    async def seen(self, tenant: TenantId) -> TeamsSeen | None:
        """How an organisation is connected; None where nothing is entered."""
        now = self.clock.now()
        keys, store = MeetingKeys(self.clock, self.box), LookingStore()
        settings = MeetingSettings(box=self.box, clock=self.clock, audit=self.audit, app_key=keys.app)
        async with self.db.tenant(tenant) as tx:
            found = await settings.get(tx)
            if found.kind is not MeetingKind.TEAMS and not found.connected:
                return None
            account = await _account(tx, settings, found)
            notify, going = await keys.notify(tx), await store.going(tenant, tx, now - _LATELY)
            organizers = await store.organizers(tenant, tx, _LOOKED_AT)
            made = {row["organizer"]: row["made"] for row in await store.months(tenant, tx, now.date().replace(day=1))}
        return TeamsSeen(
            chosen=found.kind is MeetingKind.TEAMS,
            near=self.near,
            needed=_NEEDED,
            useful=_USEFUL,
            hook=NOTIFICATIONS,
            limit=MONTHLY_LIMIT,
            proof_ends=account.key.not_after if account and account.key else None,
            notify_ends=notify.not_after if notify else None,
            heard=_utc(going["heard"]),
            delayed=going["delayed"],
            ask=self._asking(account, _those(found, organizers), made) if account else None,
        )

    def _asking(self, account: Account, organizers: list[str], made: Mapping[str, int]) -> Callable[[], Awaitable[TeamsAnswer]]:
        async def ask() -> TeamsAnswer:
            said = await self.cloud.look(account, organizers)
            return TeamsAnswer(
                code="" if said.signed_in else said.code,
                refused=said.code == _REFUSED,
                what=said.what,
                permissions=said.permissions,
                skew=said.clock_skew,
                organizers=tuple((one.object_id, one.code, made.get(one.object_id, 0)) for one in said.organizers),
                premium=said.premium,
            )

        return ask


async def _account(tx: Tx, settings: MeetingSettings, found: Settings) -> Account | None:
    try:
        return await settings.account_of(tx, found)
    except Conflict:
        return None


def _those(found: Settings, bound: list[str]) -> list[str]:
    """The default host first; nobody twice."""
    return list(dict.fromkeys([*([found.default_host] if found.default_host else []), *bound]))


def _utc(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC)
