"""Trying messages out: a sample of a text, exactly as a patient would get it, sent to an address of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from vestibule.errors import Conflict, InvalidFields, TooMany, Unavailable, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.messages.judging import is_email, is_phone
from vestibule.messages.model import Accepted, CarrierKind, Channel, Outgoing, Purpose, Sender, Wording
from vestibule.messages.optouts import OptOuts
from vestibule.messages.ports import Carrier
from vestibule.messages.rendering import Facts, render, subject
from vestibule.messages.setting import MessageSettings
from vestibule.platform.audit import Actor, Audit, Outcome
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Place

_PHASE: Final = "messages.trial"
_SAMPLE_CODE: Final = "sample-link-7QK2MDR4T9AB"  # as long as a real one, and nobody's


@dataclass(frozen=True, slots=True)
class Trial:
    """What somebody wants to try.

    Attributes:
        address: E.164 or an e-mail address; their own.
    """

    connection: ConnectionId
    address: str = field(repr=False)
    language: str = "en"
    purpose: Purpose = Purpose.REMINDER
    place: Place = Place.HOME

    @property
    def channel(self) -> Channel:
        """By which way, as the address says."""
        return Channel.EMAIL if "@" in self.address else Channel.SMS


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of it.

    Attributes:
        sender: from where; empty where nothing was given to a carrier.
        code: why not; empty when a carrier took it.
        test: the address is a test recipient, so that no carrier was given anything.
    """

    text: str = field(repr=False)
    sender: str = ""
    code: str = ""
    test: bool = False


class Trials:
    """Sends samples."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        audit: Audit,
        tenancy: Tenancy,
        settings: MessageSettings,
        carriers: Mapping[CarrierKind, Carrier],
        optouts: OptOuts,
        origin: str,
    ) -> None:
        """Say what it works with.

        Args:
            db: read before a carrier is asked, written after.
            clock: tells the time.
            audit: every trial is noted there.
            tenancy: knows the organisation and its clocks.
            settings: texts and senders.
            carriers: of every kind.
            optouts: who wants no texts.
            origin: ours, on which the sample link lies.
        """
        self._db = db
        self._clock = clock
        self._audit = audit
        self._tenancy = tenancy
        self._settings = settings
        self._carriers = carriers
        self._optouts = optouts
        self._origin = origin

    async def sample(self, tx: Tx) -> Facts:
        """A sample appointment: tomorrow at half past two, by the clock of the first department."""
        tenant = await self._tenancy.tenant(tx)
        departments = await self._tenancy.departments(tx)
        zone = departments[0].zone if departments else "UTC"
        return Facts(tenant.name, sample_start(self._clock.now(), zone), zone, f"{self._origin}/j/{_SAMPLE_CODE}", tenant.support_phone)

    async def send(self, tenant: TenantId, wanted: Trial, *, by: Actor) -> Tried:
        """Send a sample by the way a patient's message takes: the connection's senders in their order, the next where one cannot.

        Raises:
            InvalidFields: naming the fields.
            Conflict: `message-not-consented`, `message-no-sender`.
        """
        if not (is_phone(wanted.address) or is_email(wanted.address)):
            raise InvalidFields({"address": "test-recipient-malformed"}, phase=_PHASE)
        async with self._db.tenant(tenant) as tx:
            wording = await self._settings.wording(tx, wanted.connection, wanted.language, wanted.channel, wanted.purpose, wanted.place)
            facts = await self.sample(tx)
            if await self._settings.is_test(tx, wanted.address):
                self._note(tx, wanted, "", by)
                return Tried(render(wording, facts), test=True)
            if not (await self._settings.consent(tx)).given:
                raise Conflict("message-not-consented", "Both boxes about consent must be ticked before anything is sent.", phase=_PHASE)
            if wanted.address in await self._optouts.among(tx, [wanted.address]):
                return Tried(render(wording, facts), code="message-opted-out")
            senders = await self._settings.route(tx, wanted.connection, wanted.channel)
        if not senders:
            raise Conflict("message-no-sender", "No sender of this kind writes for this connection yet.", phase=_PHASE)
        tried = await self._through(senders, wanted, wording, facts)
        async with self._db.tenant(tenant) as tx:
            self._note(tx, wanted, tried.code, by)
        return tried

    async def _through(self, senders: Sequence[Sender], wanted: Trial, wording: Wording, facts: Facts) -> Tried:
        text, title, code = render(wording, facts), subject(wording, facts), "message-prefix-excluded"
        for sender in senders:
            if any(wanted.address.startswith(prefix) for prefix in sender.excluded):
                continue
            try:
                said = await self._carriers[sender.account.kind].send(
                    sender.account, Outgoing(id=new_id(), sender=sender, to=wanted.address, text=text, subject=title)
                )
            except (Unavailable, TooMany) as error:
                code = error.code
                continue  # surely not sent
            except VestibuleError as error:
                return Tried(text, sender.address, error.code)
            if isinstance(said, Accepted):
                return Tried(text, sender.address)
            code = said.code
            if not said.elsewhere:
                break
        return Tried(text, code=code)

    def _note(self, tx: Tx, wanted: Trial, code: str, by: Actor) -> None:
        detail = {"channel": wanted.channel.value, **({"code": code} if code else {})}
        outcome = Outcome.FAILED if code else Outcome.SUCCESS
        self._audit.note(tx, "message-trial.sent", by=by, about=("connection", wanted.connection), outcome=outcome, detail=detail)


def sample_start(now: datetime, zone: str) -> datetime:
    """Tomorrow at half past two there."""
    local = (now + timedelta(days=1)).astimezone(ZoneInfo(zone))
    return local.replace(hour=14, minute=30, second=0, microsecond=0).astimezone(UTC)
