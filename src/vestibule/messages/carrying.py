"""What an administrator sets of who carries messages: accounts, their order, senders, and which connections these write for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from vestibule.errors import Conflict, InvalidFields
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.judging import judge_account, judge_sender
from vestibule.messages.kept import KeptAccount, KeptSender
from vestibule.messages.model import Account, CarrierKind, Channel, Sender, Verification
from vestibule.messages.setting import MessageSettings, hook_about, no_account, no_sender, secret_about
from vestibule.messages.store.carrying import CarryingStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import refuse
from vestibule.tenancy.service import Tenancy, bound

_ACCOUNT: Final = "messages.account"
_SENDER: Final = "messages.sender"
_CHANGEABLE: Final = ("name", "endpoint", "user", "secret", "hook_secret", "settings")

# Called after a changed setting, in its transaction: what is pending for the connection is planned anew.
# What it answers is its own affair.
Replan = Callable[[Tx, ConnectionId], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class AccountWish:
    """An account as somebody wants it.

    Attributes:
        secret, hook_secret: None leaves the stored one; empty takes it away.
    """

    kind: CarrierKind
    name: str
    endpoint: str = ""
    user: str = ""
    secret: str | None = field(default=None, repr=False)
    hook_secret: str | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)


class Carrying:
    """Changes who carries messages. Methods act within the transaction's organisation."""

    def __init__(
        self,
        *,
        clock: Clock,
        box: SecretBox,
        audit: Audit,
        tenancy: Tenancy,
        settings: MessageSettings,
        replan: Replan,
        loopback: bool = False,
        plain_mail: bool = False,
    ) -> None:
        """Say what it works with.

        Args:
            clock: tells the time.
            box: seals secrets.
            audit: every change is noted there.
            tenancy: knows the connections.
            settings: reads what there is.
            replan: plans anew what is pending for a connection.
            loopback: allow what only development needs, such as the console.
            plain_mail: allow mail servers without TLS.
        """
        self._clock = clock
        self._box = box
        self._audit = audit
        self._tenancy = tenancy
        self._settings = settings
        self._replan = replan
        self._loopback, self._plain_mail = loopback, plain_mail
        self._store = CarryingStore()

    # ------------------------------------------------------------------ accounts

    async def add_account(self, tx: Tx, wish: AccountWish, *, by: Actor) -> Account:
        """A new account, tried after the others.

        Raises:
            InvalidFields: naming the fields.
        """
        tenant = bound(tx)
        one = Account(
            id=new_id(),
            tenant=tenant,
            kind=wish.kind,
            name=wish.name,
            endpoint=wish.endpoint,
            user=wish.user,
            secret=wish.secret or "",
            hook_secret=wish.hook_secret or "",
            order=await self._store.next_position(tenant, tx),
            settings=wish.settings,
        )
        refuse(judge_account(one, loopback=self._loopback, plain_mail=self._plain_mail), phase=_ACCOUNT)
        secret, hook = self._sealed(one)
        await self._store.add_account(tenant, tx, one, secret=secret, hook_secret=hook, at=self._clock.now())
        self._audit.note(tx, "message-account.added", by=by, about=("message-account", one.id), detail={"kind": one.kind.value})
        return one

    async def change_account(self, tx: Tx, account: UUID, wish: AccountWish, *, revision: int, by: Actor) -> Account:
        """Replace an account's fields; its kind stays.

        Raises:
            NotFound: `message-account-not-found`.
            Conflict: `message-settings-changed`: somebody was quicker.
            InvalidFields: naming the fields.
        """
        was = await self._locked_account(tx, account, revision)
        now = replace(
            was.account,
            name=wish.name,
            endpoint=wish.endpoint,
            user=wish.user,
            secret=was.account.secret if wish.secret is None else wish.secret,
            hook_secret=was.account.hook_secret if wish.hook_secret is None else wish.hook_secret,
            settings=wish.settings,
        )
        refuse(judge_account(now, loopback=self._loopback, plain_mail=self._plain_mail), phase=_ACCOUNT)
        changed = [
            name
            for name in ("name", "endpoint", "user", "secret", "hook_secret", "settings")
            if getattr(was.account, name) != getattr(now, name)
        ]
        if changed:
            secret, hook = self._sealed(now)
            await self._store.change_account(bound(tx), tx, now, secret=secret, hook_secret=hook, at=self._clock.now())
            self._audit.note(tx, "message-account.changed", by=by, about=("message-account", account), detail={"fields": ",".join(changed)})
            await self._planned_anew(tx, await self._connections_of(tx, account))
        return now

    async def order_accounts(self, tx: Tx, order: Sequence[UUID], *, by: Actor) -> None:
        """The order in which accounts are tried; those that are not named come behind, as they were."""
        accounts = await self._settings.accounts(tx)
        was = [one.account.id for one in accounts]
        now = [one for one in dict.fromkeys(order) if one in was]
        now += [one for one in was if one not in now]
        if now == was:
            return
        for position, account in enumerate(now, start=1):
            await self._store.place_account(bound(tx), tx, account, position)
        self._audit.note(tx, "message-account.ordered", by=by, about=("message-account", now[0]), detail={"accounts": str(len(now))})
        await self._planned_anew(tx, await self._all_connections(tx))

    async def note_test(self, tx: Tx, account: KeptAccount, code: str, *, by: Actor) -> None:
        """What came of a test; `code` is empty when it went well."""
        name = account.account.id
        await self._store.tested(bound(tx), tx, name, account.revision, at=self._clock.now(), code=code)
        self._audit.note(tx, "message-account.tested", by=by, about=("message-account", name), detail={"code": code} if code else {})

    async def remove_account(self, tx: Tx, account: UUID, *, revision: int, by: Actor) -> None:
        """Take an account out of use, and its senders with it; its secrets are erased.

        Raises:
            NotFound: `message-account-not-found`.
            Conflict: `message-settings-changed`.
        """
        await self._locked_account(tx, account, revision)
        touched = await self._connections_of(tx, account)
        for one in await self._settings.senders(tx):
            if one.sender.account.id == account:
                await self._store.remove_sender(bound(tx), tx, one.sender.id, self._clock.now())
                self._audit.note(tx, "sender.removed", by=by, about=("sender", one.sender.id))
        await self._store.remove_account(bound(tx), tx, account, self._clock.now())
        self._audit.note(tx, "message-account.removed", by=by, about=("message-account", account))
        await self._planned_anew(tx, touched)

    # ------------------------------------------------------------------ senders

    async def add_sender(self, tx: Tx, account: UUID, wish: Sender, *, by: Actor) -> Sender:
        """A number or address to send from; its own id and account are given here.

        Raises:
            NotFound: `message-account-not-found`.
            InvalidFields: naming the fields.
        """
        kept = await self._settings.kept_account(tx, account)
        one = replace(wish, id=new_id(), account=kept.account)
        wrong = judge_sender(one)
        if (
            not wrong
            and (one.channel is Channel.EMAIL) != (kept.account.kind is CarrierKind.SMTP)
            and kept.account.kind is not CarrierKind.CONSOLE
        ):
            wrong = {"address": "sender-channel"}
        if not wrong and await self._store.has_sender(bound(tx), tx, account, one.channel.value, one.address):
            wrong = {"address": "sender-taken"}
        refuse(wrong, phase=_SENDER)
        await self._store.add_sender(bound(tx), tx, one, self._clock.now())
        detail = {"channel": one.channel.value, "account": str(account)}
        self._audit.note(tx, "sender.added", by=by, about=("sender", one.id), detail=detail)
        return one

    async def change_sender(self, tx: Tx, sender: UUID, changes: Mapping[str, Any], *, revision: int, by: Actor) -> Sender:
        """Set `name`, `per_minute`, `excluded` or `verification`, those that are named.

        Raises:
            NotFound: `message-sender-not-found`.
            Conflict: `message-settings-changed`.
            InvalidFields: naming the fields.
        """
        refuse(dict.fromkeys(set(changes) - {"name", "per_minute", "excluded", "verification"}, "field-unknown"), phase=_SENDER)
        was = await self._locked_sender(tx, sender, revision)
        now = replace(was.sender, **changes)
        refuse(judge_sender(now), phase=_SENDER)
        if now != was.sender:
            await self._store.change_sender(bound(tx), tx, now)
            detail = {"fields": ",".join(name for name in sorted(changes) if getattr(was.sender, name) != getattr(now, name))}
            self._audit.note(tx, "sender.changed", by=by, about=("sender", sender), detail=detail)
            await self._planned_anew(tx, was.connections)
        return now

    async def note_verification(self, tx: Tx, sender: UUID, verification: Verification, *, by: Actor) -> None:
        """What the carrier says of a number's verification; nothing happens when it is known."""
        kept = await self._settings.sender(tx, sender)
        if kept.sender.verification is not verification:
            await self.change_sender(tx, sender, {"verification": verification}, revision=kept.revision, by=by)

    async def remove_sender(self, tx: Tx, sender: UUID, *, revision: int, by: Actor) -> None:
        """Take a sender out of use; the number stays the organisation's at its carrier.

        Raises:
            NotFound: `message-sender-not-found`.
            Conflict: `message-settings-changed`.
        """
        was = await self._locked_sender(tx, sender, revision)
        await self._store.remove_sender(bound(tx), tx, sender, self._clock.now())
        self._audit.note(tx, "sender.removed", by=by, about=("sender", sender))
        await self._planned_anew(tx, was.connections)

    async def link(self, tx: Tx, sender: UUID, connections: Collection[ConnectionId], *, by: Actor) -> None:
        """The connections a sender writes for: exactly these from now on.

        Raises:
            NotFound: `message-sender-not-found`.
            InvalidFields: `connections`, when one of them is none of the organisation's.
        """
        was = await self._settings.sender(tx, sender)
        if await self._store.sender(bound(tx), tx, sender, lock=True) is None:
            raise no_sender()
        known = {one for one, _name in await self._tenancy.connection_names(tx)}
        if not set(connections) <= known | was.connections:
            raise InvalidFields({"connections": "choice-unknown"}, phase=_SENDER)
        now = frozenset(connections)
        if now == was.connections:
            return
        await self._store.link(bound(tx), tx, sender, now)
        self._audit.note(tx, "sender.linked", by=by, about=("sender", sender), detail={"connections": str(len(now))})
        await self._planned_anew(tx, now ^ was.connections)

    # ------------------------------------------------------------------ parts

    async def _locked_account(self, tx: Tx, account: UUID, revision: int) -> KeptAccount:
        row = await self._store.account(bound(tx), tx, account, lock=True)
        if row is None:
            raise no_account()
        if row["account_revision"] != revision:
            raise changed_meanwhile()
        return await self._settings.kept_account(tx, account)

    async def _locked_sender(self, tx: Tx, sender: UUID, revision: int) -> KeptSender:
        row = await self._store.sender(bound(tx), tx, sender, lock=True)
        if row is None:
            raise no_sender()
        if row["revision"] != revision:
            raise changed_meanwhile()
        return await self._settings.sender(tx, sender)

    async def _connections_of(self, tx: Tx, account: UUID) -> set[ConnectionId]:
        senders = [one for one in await self._settings.senders(tx) if one.sender.account.id == account]
        return {connection for one in senders for connection in one.connections}

    async def _all_connections(self, tx: Tx) -> set[ConnectionId]:
        return {connection for one in await self._settings.senders(tx) for connection in one.connections}

    async def _planned_anew(self, tx: Tx, connections: Iterable[ConnectionId]) -> None:
        for connection in sorted(connections):  # always in one order, so that two changes cannot hold each other up
            await self._replan(tx, connection)

    def _sealed(self, one: Account) -> tuple[bytes | None, bytes | None]:
        secret = self._box.seal(one.secret, about=secret_about(one.tenant, one.id)) if one.secret else None
        hook = self._box.seal(one.hook_secret, about=hook_about(one.tenant, one.id)) if one.hook_secret else None
        return secret, hook


def _carries(kind: CarrierKind, channel: Channel) -> bool:
    """Whether an account of this kind carries that: mail servers mail, the console both, the others texts."""
    return kind is CarrierKind.CONSOLE or (kind is CarrierKind.SMTP) == (channel is Channel.EMAIL)


def changed_meanwhile() -> Conflict:
    """Somebody else saved since the page was shown."""
    return Conflict("message-settings-changed", "Somebody changed this meanwhile. Look at it again, then save.", phase="messages.settings")
