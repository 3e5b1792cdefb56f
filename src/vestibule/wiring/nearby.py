"""What the doctor may know of messages, feed and meetings: read in one short transaction, before anybody is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from urllib.parse import urlsplit

from vestibule.doctor.ports import Around, CarrierSeen, FeedSeen, TeamsSeen
from vestibule.feed.looking import FeedLooking
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.ids import TenantId
from vestibule.kit.origins import is_loopback_host
from vestibule.messages.model import Account, CarrierKind, Channel, Sender
from vestibule.messages.ports import Carrier
from vestibule.messages.setting import MessageSettings
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.model import Connection
from vestibule.wiring.teams_nearby import TeamsNearby

# What proves a receipt where no secret of its own is entered; a kind that is missing sends none.
_PROVED_BY: Final = {CarrierKind.TWILIO: "secret", CarrierKind.AZURE: "hook_secret"}


@dataclass(frozen=True, slots=True)
class Nearby:
    """The port `Surroundings`."""

    db: Database
    messages: MessageSettings
    feed: FeedSettingsService
    looking: FeedLooking
    carriers: Mapping[CarrierKind, Carrier]
    meetings: TeamsNearby

    async def around(self, connection: Connection) -> Around:
        """Messages, feed and meetings of a connection."""
        async with self.db.tenant(connection.tenant) as tx:
            policy = await self.messages.policy(tx, connection.id)
            senders = [sender for channel in Channel for sender in await self.messages.route(tx, connection.id, channel)]
            feed = await self._feed(tx, connection)
        accounts = {sender.account.id: sender.account for sender in senders}
        seen = tuple(self._carrier(one, [s for s in senders if s.account.id == one.id]) for one in accounts.values())
        teams = await self.teams(connection.tenant)
        if teams is not None and not teams.chosen:
            teams = None
        return Around(sends=policy is not None and policy.active, carriers=seen, feed=feed, teams=teams)

    async def teams(self, tenant: TenantId) -> TeamsSeen | None:
        """How an organisation is connected to Microsoft Teams."""
        return await self.meetings.seen(tenant)

    async def _feed(self, tx: Tx, connection: Connection) -> FeedSeen | None:
        settings = await self.feed.get(tx, connection.id)
        if not settings.enabled:
            return None
        certificates = await self.feed.certificates(tx, connection.id)
        live = await self.looking.live(tx, connection.id, certificates)
        return FeedSeen(
            plain=settings.plain_port is not None,
            keys=tuple((one.subject, one.not_after) for one in certificates),
            zone=bool(settings.zone),
            last=live.last and live.last.astimezone(UTC),
            silent=live.silent,
            quarantined=live.quarantined,
        )

    def _carrier(self, account: Account, senders: list[Sender]) -> CarrierSeen:
        proof = _PROVED_BY.get(account.kind)
        address = account.endpoint if "://" in account.endpoint else f"//{account.endpoint}"

        async def check() -> None:
            carrier = self.carriers.get(account.kind)
            if carrier is not None:
                await carrier.check(account)

        return CarrierSeen(
            name=account.name,
            tells=proof is not None,
            near=is_loopback_host(urlsplit(address).hostname or ""),
            unproved=proof is not None and not (account.hook_secret or getattr(account, proof)),
            senders=tuple((one.address, one.verification.value) for one in senders),
            check=check,
        )
