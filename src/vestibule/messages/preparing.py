"""The last look before messages are given to carriers: still wanted? then a link, the words, and the mark. Many in one transaction."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.kit.smstext import segments
from vestibule.messages import planning
from vestibule.messages.model import Calendar, Channel, Message, MessageState, Policy, Purpose, Refused, Sender, Status, Wording
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outlook import Outlook, Seen
from vestibule.messages.rendering import Facts, render, subject
from vestibule.messages.service import Messages, typed_about
from vestibule.messages.setting import MessageSettings
from vestibule.messages.store.messages import MessageStore
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.model import Tenant
from vestibule.tenancy.service import Tenancy, bound
from vestibule.visits.model import Place
from vestibule.visits.service import MadeLink, Visits, WantedLink

NO_SENDER: Final = "message-no-sender"
EXCLUDED: Final = "message-prefix-excluded"
LOST: Final = "message-answer-lost"
# A link outlives the appointment by so much: who comes late, or was cut off, still gets in.
_LINK_LASTS: Final = timedelta(hours=24)
_USUAL: Final = timedelta(minutes=60)
# Stands where a link's code will stand, and is as long as one.
_NO_CODE: Final = "0" * 24


@dataclass(frozen=True, slots=True)
class Order:
    """A message to be given away.

    Attributes:
        sender: from where; None when there is nobody.
        link: made for an attempt before.
    """

    message: UUID
    sender: Sender | None = None
    link: MadeLink | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is marked and must now be given to the carrier.

    Attributes:
        test: it must not: who would get it is there for trying things out.
        link: what it leads to.
    """

    message: UUID
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = ""
    calendar: Calendar | None = None
    test: bool = False
    link: MadeLink | None = None


@dataclass(frozen=True, slots=True)
class NotToBeSent:
    """It is not wanted any more, or cannot be sent.

    Attributes:
        refused: it failed, and this is to be recorded; otherwise its row says already why it is not sent.
        lost: it was marked by somebody who did not come back.
    """

    message: UUID
    code: str
    refused: Refused | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class NotNow:
    """It waits for the end of the quiet hours."""

    code: str
    until: datetime


Judged = Letter | NotToBeSent | NotNow


@dataclass(frozen=True, slots=True)
class _Rendered:
    """Words for everybody whose appointment is at the same time, with the same stand-in for each one's link."""

    text: str
    subject: str
    pieces: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What a portion of orders is about."""

    organisation: Tenant
    messages: Mapping[UUID, Message]
    seen: Mapping[UUID, Seen]
    policies: Mapping[ConnectionId, Policy | None]
    tests: set[str] = field(repr=False)
    now: datetime
    wordings: dict[tuple[ConnectionId, str, Channel, Purpose, Place], Wording] = field(default_factory=dict)
    rendered: dict[tuple[Wording, datetime, str, bool], _Rendered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A message that nothing stands against."""

    order: Order
    message: Message
    seen: Seen
    wording: Wording
    test: bool

    @property
    def needs_link(self) -> bool:
        """Whether its words lead anywhere."""
        return "{link}" in self.wording.text and not self.seen.visit.over


class Preparing:
    """Looks, and marks."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        visits: Visits,
        tenancy: Tenancy,
        outlook: Outlook,
        optouts: OptOuts,
        settings: MessageSettings,
        messages: Messages,
        origin: str,
    ) -> None:
        self._db, self._clock, self._box, self._visits, self._tenancy = db, clock, box, visits, tenancy
        self._outlook, self._optouts, self._settings, self._messages = outlook, optouts, settings, messages
        self._origin = origin
        self._store = MessageStore()

    async def prepare(self, key: Hashable, orders: Sequence[Order]) -> Sequence[Judged | Exception]:
        """What becomes of each order of one organisation (`key`)."""
        async with self._db.tenant(cast("TenantId", key)) as tx:
            known = await self._known(tx, orders)
            judged = [await self._judge(tx, order, known) for order in orders]
            letters = await self._letters(tx, known, [one for one in judged if isinstance(one, _Draft)])
        return [letters[one.message.id] if isinstance(one, _Draft) else one for one in judged]

    # ------------------------------------------------------------------ still wanted?

    async def _known(self, tx: Tx, orders: Sequence[Order]) -> _Known:
        """Visits are locked first, as everywhere; what was read of messages before that is proved by the mark."""
        ids = [order.message for order in orders]
        messages = {one.id: one for one in await self._store.find(bound(tx), tx, ids)}
        visits = await self._visits.telling.visits(tx, {one.visit for one in messages.values()}, lock=True)
        unique = {visit.id: visit for visit in visits.values()}
        people = await self._outlook.of(tx, list(unique.values()))
        seen: dict[UUID, Seen] = {}
        for one in messages.values():
            visit = visits.get(one.visit)
            person = visit.person(one.participant) if visit else None
            if person is not None and person.id in people:
                seen[one.id] = people[person.id]
        await self._typed(tx, seen, [one for one in messages.values() if one.purpose is Purpose.DIRECT])
        addresses = {address for one in seen.values() for address in (one.contact.phone, one.contact.email) if address}
        policies = await self._messages.policies(tx, list(unique.values()))
        organisation, tests = await self._tenancy.tenant(tx), await self._settings.tests_among(tx, addresses)
        return _Known(organisation, messages, seen, policies, tests, self._clock.now())

    async def _typed(self, tx: Tx, seen: dict[UUID, Seen], directs: Sequence[Message]) -> None:
        """Texts that go to a number somebody typed for them."""
        sealed = await self._store.typed(bound(tx), tx, [one.id for one in directs]) if directs else {}
        by_id = {one.id: one for one in directs}
        phones = {one: self._box.open(box, about=typed_about(by_id[one])) for one, box in sealed.items()}
        stopped = await self._optouts.among(tx, list(phones.values()))
        for one, phone in phones.items():
            if one in seen:
                was = seen[one]
                patient = replace(was.patient, phone=True, opted_out=phone in stopped)
                seen[one] = Seen(patient, was.visit, replace(was.contact, phone=phone))

    async def _judge(self, tx: Tx, order: Order, known: _Known) -> _Draft | NotToBeSent | NotNow:
        message, seen = known.messages.get(order.message), known.seen.get(order.message)
        if message is None or message.state is not MessageState.PLANNED:
            return _not_planned(order, message)
        policy = known.policies.get(seen.visit.connection) if seen is not None and seen.visit.connection else None
        now = known.now
        why = planning.OVER if seen is None else planning.hindrance(message, seen.patient, policy, now)
        if why or seen is None:
            await self._store.withdraw(bound(tx), tx, {message.id: why}, now)
            return NotToBeSent(message.id, why)
        until = planning.later(message, seen.patient, policy, now)
        if until is not None:
            await self._store.postpone(bound(tx), tx, message.id, until)
            return NotNow(planning.QUIET, until)
        if order.sender is None:
            return NotToBeSent(message.id, NO_SENDER, Refused(Status.OTHER, NO_SENDER))
        to = _address(message, seen)
        if message.channel is Channel.SMS and to.startswith(order.sender.excluded or ("-",)):
            return NotToBeSent(message.id, EXCLUDED, Refused(Status.OTHER, EXCLUDED))
        return _Draft(order, message, seen, await self._wording(tx, message, seen, known), to in known.tests)

    async def _wording(self, tx: Tx, message: Message, seen: Seen, known: _Known) -> Wording:
        connection = seen.visit.connection
        assert connection is not None  # noqa: S101  without one there is no policy, and nothing is wanted
        policy = known.policies.get(connection)
        language = message.language or seen.contact.language or (policy.language if policy else "")
        key = (connection, language, message.channel, message.purpose, message.place)
        if key not in known.wordings:
            known.wordings[key] = await self._settings.wording(tx, *key)
        return known.wordings[key]

    # ------------------------------------------------------------------ link, words, mark

    async def _letters(self, tx: Tx, known: _Known, drafts: Sequence[_Draft]) -> dict[UUID, Letter | NotToBeSent]:
        if not drafts:
            return {}
        links = await self._links(tx, drafts)
        letters, rows = [], []
        for draft in drafts:
            link = links.get(draft.message.id)
            words = self._words(draft, known, linked=link is not None)
            letters.append(self._letter(draft, link, words, known.organisation))
            rows.append(_mark(draft, words.pieces))
        marked = await self._store.mark(bound(tx), tx, rows, self._clock.now())
        return {one.message: one if one.message in marked else NotToBeSent(one.message, planning.OVERTAKEN) for one in letters}

    async def _links(self, tx: Tx, drafts: Sequence[_Draft]) -> dict[UUID, MadeLink]:
        """A link for each that needs one and has none from an attempt before."""
        links = {draft.message.id: draft.order.link for draft in drafts if draft.order.link is not None}
        without = [draft for draft in drafts if draft.needs_link and draft.order.link is None and not draft.test]
        if without:
            wanted = [WantedLink(one.seen.visit.id, one.seen.patient.participant, self._expires(one)) for one in without]
            made = await self._visits.telling.links(tx, wanted)
            links |= {draft.message.id: link for draft, link in zip(without, made, strict=True)}
        return links

    def _expires(self, draft: _Draft) -> datetime:
        visit = draft.seen.visit
        return max(visit.ends_at or visit.starts_at or self._clock.now(), self._clock.now()) + _LINK_LASTS

    def _words(self, draft: _Draft, known: _Known, *, linked: bool) -> _Rendered:
        """Rendered once for all that differ in nothing but the link."""
        about, zone = draft.message.about or self._clock.now(), draft.seen.patient.zone
        key = (draft.wording, about, zone, linked)
        if key not in known.rendered:
            link = self._address(_NO_CODE) if linked else ""
            facts = Facts(known.organisation.name, about, zone, link, known.organisation.support_phone)
            text = render(draft.wording, facts)
            pieces = segments(text).count if draft.message.channel is Channel.SMS else 0
            known.rendered[key] = _Rendered(text, subject(draft.wording, facts), pieces)
        return known.rendered[key]

    def _address(self, code: str) -> str:
        return f"{self._origin}/j/{code}"

    def _letter(self, draft: _Draft, link: MadeLink | None, words: _Rendered, organisation: Tenant) -> Letter:
        message, seen, code = draft.message, draft.seen, link.code if link else ""
        calendar = None
        if message.channel is Channel.EMAIL and message.about is not None:
            calendar = _calendar(message, seen, organisation.name, self._address(code) if code else "", self._origin)
        text = words.text.replace(_NO_CODE, code) if code else words.text
        return Letter(message.id, _address(message, seen), text, words.subject, calendar, draft.test, link)


def _not_planned(order: Order, message: Message | None) -> NotToBeSent:
    if message is not None and message.state is MessageState.SENDING:
        return NotToBeSent(order.message, LOST, lost=True)
    return NotToBeSent(order.message, "" if message is None else message.code)


def _address(message: Message, seen: Seen) -> str:
    return seen.contact.email if message.channel is Channel.EMAIL else seen.contact.phone


def _mark(draft: _Draft, pieces: int) -> tuple[UUID, UUID, UUID, int, bool]:
    sender = draft.order.sender
    assert sender is not None  # noqa: S101  who has none is not drafted
    return draft.message.id, sender.id, sender.account.id, pieces, draft.test


def _calendar(message: Message, seen: Seen, organisation: str, link: str, origin: str) -> Calendar:
    assert message.about is not None  # noqa: S101  asked before
    same = seen.visit.starts_at == message.about and seen.visit.ends_at is not None
    ends = seen.visit.ends_at if same and seen.visit.ends_at is not None else message.about + _USUAL
    return Calendar(
        uid=f"{message.participant}@{origin.partition('://')[2].partition('/')[0]}",
        sequence=message.nth,
        starts_at=message.about,
        ends_at=ends,
        summary=organisation,
        url=link,
        cancelled=message.purpose is Purpose.CANCELLED,
    )
