"""How messages are set, for those who plan and send them: what is sent for a connection, from where, and in which words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

import msgspec

from vestibule.errors import NotFound
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.kept import Consent, KeptAccount, KeptSender, TestRecipient
from vestibule.messages.model import Account, CarrierKind, Channel, Policy, Purpose, Sender, Verification, Wording
from vestibule.messages.readymade import nearest, ready_made
from vestibule.messages.store.carrying import CarryingStore, Row
from vestibule.messages.store.policies import PolicyStore
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import Place

_PHASE: Final = "messages.settings"


class MessageSettings:
    """Reads. Methods taking `tx` act within its organisation."""

    def __init__(self, box: SecretBox) -> None:
        """Open secrets with `box`."""
        self._box = box
        self._carrying = CarryingStore()
        self._policies = PolicyStore()

    # ------------------------------------------------------------------ for planning and sending

    async def policy(self, tx: Tx, connection: ConnectionId) -> Policy | None:
        """What is sent for a connection; None where nobody set it up, and then nothing is."""
        row = await self._policies.policy(bound(tx), tx, connection)
        return None if row is None else policy_of(row)

    async def route(self, tx: Tx, connection: ConnectionId, channel: Channel) -> list[Sender]:
        """Who may write for a connection, in the order in which they are to be tried."""
        return [self._sender(bound(tx), row) for row in await self._carrying.route(bound(tx), tx, connection, channel.value)]

    async def wording(self, tx: Tx, connection: ConnectionId, language: str, channel: Channel, purpose: Purpose, place: Place) -> Wording:
        """The text for somebody who reads `language`: the connection's own, else the ready-made one.

        A language that we lack, or none, is the connection's usual one.
        """
        policy = await self.policy(tx, connection)
        found = nearest(language, policy.language if policy else "en")
        row = await self._policies.wording(bound(tx), tx, connection, found, channel.value, purpose.value, place.value)
        return (
            ready_made(found, channel, purpose, place)
            if row is None
            else Wording(purpose, channel, found, place, row["text"], row["subject"])
        )

    async def is_test(self, tx: Tx, address: str) -> bool:
        """Whether an address is for trying things out, and no carrier must be given anything for it."""
        return await self._policies.is_test(bound(tx), tx, self._box.keyed_hashes(test_key(address)))

    async def tests_among(self, tx: Tx, addresses: Collection[str]) -> set[str]:
        """The same of many at once: those of them that are."""
        keys = {key: address for address in addresses for key in self._box.keyed_hashes(test_key(address))}
        return {keys[key] for key in await self._policies.tests_among(bound(tx), tx, list(keys))} if keys else set()

    async def account(self, tx: Tx, account: UUID) -> Account:
        """An account with its secrets opened.

        Raises:
            NotFound: `message-account-not-found`.
        """
        return (await self.kept_account(tx, account)).account

    async def whose_account(self, db: Database, account: UUID) -> TenantId | None:
        """Whose account somebody names who comes from outside; None for nobody's."""
        return await self._carrying.whose(db, account)

    # ------------------------------------------------------------------ for the pages

    async def consent(self, tx: Tx) -> Consent:
        """The two boxes."""
        return await self._policies.consent(bound(tx), tx)

    async def accounts(self, tx: Tx) -> list[KeptAccount]:
        """Accounts in use, in the order in which they are tried."""
        return [self._account(bound(tx), row) for row in await self._carrying.accounts(bound(tx), tx)]

    async def kept_account(self, tx: Tx, account: UUID) -> KeptAccount:
        """One account.

        Raises:
            NotFound: `message-account-not-found`.
        """
        row = await self._carrying.account(bound(tx), tx, account)
        if row is None:
            raise no_account()
        return self._account(bound(tx), row)

    async def senders(self, tx: Tx) -> list[KeptSender]:
        """Senders in use, in the order of their accounts."""
        return [self._kept_sender(bound(tx), row) for row in await self._carrying.senders(bound(tx), tx)]

    async def sender(self, tx: Tx, sender: UUID) -> KeptSender:
        """One sender.

        Raises:
            NotFound: `message-sender-not-found`.
        """
        row = await self._carrying.sender(bound(tx), tx, sender)
        if row is None:
            raise no_sender()
        return self._kept_sender(bound(tx), row)

    async def policies(self, tx: Tx) -> dict[ConnectionId, Policy]:
        """Every connection's that somebody set up."""
        return {ConnectionId(row["connection_id"]): policy_of(row) for row in await self._policies.policies(bound(tx), tx)}

    async def own_wordings(self, tx: Tx, connection: ConnectionId, language: str | None = None) -> list[tuple[Wording, int]]:
        """The connection's own texts with their revisions."""
        rows = await self._policies.wordings(bound(tx), tx, connection, language)
        return [(_wording_of(row), row["revision"]) for row in rows]

    async def test_recipients(self, tx: Tx) -> list[TestRecipient]:
        """Addresses for trying things out."""
        tenant = bound(tx)
        return [
            TestRecipient(
                row["id"], Channel(row["channel"]), self._box.open(row["address_sealed"], about=test_about(tenant, row["id"])), row["label"]
            )
            for row in await self._policies.test_recipients(tenant, tx)
        ]

    # ------------------------------------------------------------------ rows

    def _account(self, tenant: TenantId, row: Row) -> KeptAccount:
        name = row["account_id"]
        account = Account(
            id=name,
            tenant=tenant,
            kind=CarrierKind(row["kind"]),
            name=row["account_name"],
            endpoint=row["endpoint"],
            user=row["username"],
            secret=self._open(row["secret_sealed"], secret_about(tenant, name)),
            hook_secret=self._open(row["hook_secret_sealed"], hook_about(tenant, name)),
            order=row["position"],
            settings=msgspec.json.decode(row["settings"], type=dict),
        )
        return KeptAccount(account, row["account_revision"], row["tested_at"], row["test_code"])

    def _sender(self, tenant: TenantId, row: Row) -> Sender:
        return Sender(
            id=row["id"],
            account=self._account(tenant, row).account,
            channel=Channel(row["channel"]),
            address=row["address"],
            name=row["name"],
            per_minute=row["per_minute"],
            verification=Verification(row["verification"]),
            excluded=tuple(row["excluded"]),
        )

    def _kept_sender(self, tenant: TenantId, row: Row) -> KeptSender:
        return KeptSender(self._sender(tenant, row), row["revision"], frozenset(ConnectionId(one) for one in row["connections"]))

    def _open(self, sealed: bytes | None, about: str) -> str:
        return "" if sealed is None else self._box.open(sealed, about=about)


def _wording_of(row: Row) -> Wording:
    purpose, channel, place = Purpose(row["purpose"]), Channel(row["channel"]), Place(row["place"])
    return Wording(purpose, channel, row["language"], place, row["text"], row["subject"])


def policy_of(row: Row) -> Policy:
    """A policy as it is kept."""
    return Policy(
        connection=ConnectionId(row["connection_id"]),
        consented=row["consented"],
        on_scheduled=row["on_scheduled"],
        on_updated=row["on_updated"],
        on_cancelled=row["on_cancelled"],
        reminders=tuple(row["reminders"]),
        quiet_from=row["quiet_from"],
        quiet_to=row["quiet_to"],
        gap_minutes=row["gap_minutes"],
        language=row["language"],
        channels=tuple(Channel(one) for one in row["channels"]),
        revision=row["revision"],
    )


def secret_about(tenant: TenantId, account: UUID) -> str:
    """What an account's secret is sealed about."""
    return f"message.account:{tenant}:{account}"


def hook_about(tenant: TenantId, account: UUID) -> str:
    """What the secret of an account's receipts is sealed about."""
    return f"message.hook:{tenant}:{account}"


def test_about(tenant: TenantId, recipient: UUID) -> str:
    """What a test recipient's address is sealed about."""
    return f"message.test:{tenant}:{recipient}"


def test_key(address: str) -> str:
    """What the fingerprint of a test recipient's address is made of."""
    return f"message-test|{address.strip().lower()}"


def no_account() -> NotFound:
    """There is no such account, or it is not yours."""
    return NotFound("message-account-not-found", "There is no such account.", phase=_PHASE)


def no_sender() -> NotFound:
    """There is no such sender, or it is not yours."""
    return NotFound("message-sender-not-found", "There is no such sender.", phase=_PHASE)
