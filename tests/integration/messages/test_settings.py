"""How messages are set: who carries them, what is sent, in which words; against a real database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from support.message_office import NOBODY, MessageOffice
from vestibule.errors import Conflict, InvalidFields, NotFound
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.messages.carrying import AccountWish
from vestibule.messages.model import CarrierKind, Channel, Policy, Purpose, Sender, Verification, Wording
from vestibule.messages.readymade import ready_made
from vestibule.platform.audit import SYSTEM, Actor
from vestibule.platform.db import Database
from vestibule.visits.model import Place

TWO = datetime(2026, 11, 20, 14, tzinfo=UTC)


@pytest.fixture
def office() -> MessageOffice:
    return MessageOffice(clock=FrozenClock(TWO))


async def wrong(work: Awaitable[Any]) -> dict[str, str]:
    """What is wrong with each field."""
    with pytest.raises(InvalidFields) as refused:
        await work
    return refused.value.fields


async def acts(owner: asyncpg.Connection, tenant: TenantId) -> list[str]:
    rows = await owner.fetch("select action from audit_entries where tenant_id = $1 order by seq", tenant)
    return [row["action"] for row in rows]


async def test_an_account_comes_back_as_it_went_and_its_secrets_are_sealed(
    db: Database, tenant: TenantId, office: MessageOffice, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        made = await office.account(tx, CarrierKind.TWILIO, hook_secret="canary-hook", settings={"messaging_service_sid": "MG1"})
        assert await office.settings.account(tx, made.id) == made
    assert await office.settings.whose_account(db, made.id) == tenant
    row = await owner.fetchrow("select * from message_accounts where id = $1", made.id)
    assert row is not None
    assert "canary" not in str(dict(row))
    assert await acts(owner, tenant) == ["message-account.added"]


async def test_a_mail_server_without_tls_may_be_entered_where_an_operator_trusts_a_network(db: Database, tenant: TenantId) -> None:
    office = MessageOffice(plain_mail=True)
    async with db.tenant(tenant) as tx:
        made = await office.account(tx, CarrierKind.SMTP, endpoint="10.20.0.5:25", settings={"tls": "none"})
    assert made.settings == {"tls": "none"}


async def test_an_api_key_is_entered_with_the_account_it_belongs_to(db: Database, tenant: TenantId, office: MessageOffice) -> None:
    key = {"user": "SK" + "0" * 32, "hook_secret": "auth-token", "settings": {"account_sid": "AC" + "0" * 32}}
    async with db.tenant(tenant) as tx:
        made = await office.account(tx, CarrierKind.TWILIO, **key)
    assert (made.user, made.hook_secret) == ("SK" + "0" * 32, "auth-token")


async def test_a_removed_account_is_nobodys_and_its_secrets_are_gone(
    db: Database, tenant: TenantId, office: MessageOffice, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        made = await office.account(tx, CarrierKind.TWILIO)
        await office.sender(tx, made, connection)
        await office.carrying.remove_account(tx, made.id, revision=1, by=SYSTEM)
        with pytest.raises(NotFound):
            await office.settings.account(tx, made.id)
        assert await office.settings.route(tx, connection, Channel.SMS) == []
        assert await office.settings.senders(tx) == []
    assert await office.settings.whose_account(db, made.id) is None
    assert await owner.fetchval("select secret_sealed is null from message_accounts where id = $1", made.id)
    assert office.replanned[-1:] == [connection]


async def test_a_new_secret_replaces_the_old_one_and_none_keeps_it(db: Database, tenant: TenantId, office: MessageOffice) -> None:
    async with db.tenant(tenant) as tx:
        made = await office.account(tx, CarrierKind.TWILIO)
        kept = await office.carrying.change_account(
            tx, made.id, AccountWish(CarrierKind.TWILIO, "Ours", user=made.user), revision=1, by=SYSTEM
        )
        assert (kept.name, kept.secret) == ("Ours", "canary-token")
        fresh = AccountWish(CarrierKind.TWILIO, "Ours", user=made.user, secret="another")
        assert (await office.carrying.change_account(tx, made.id, fresh, revision=2, by=SYSTEM)).secret == "another"
        gone = AccountWish(CarrierKind.TWILIO, "Ours", user=made.user, secret="")
        assert await wrong(office.carrying.change_account(tx, made.id, gone, revision=3, by=SYSTEM)) == {"secret": "field-required"}


@pytest.mark.parametrize(
    ("kind", "wish", "fields"),
    [
        (CarrierKind.TWILIO, {"user": "", "secret": ""}, {"user": "field-required", "secret": "field-required"}),
        (CarrierKind.TWILIO, {"endpoint": "http://api.twilio.com"}, {"endpoint": "url-not-https"}),
        (CarrierKind.TWILIO, {"name": ""}, {"name": "field-required"}),
        (CarrierKind.AZURE, {"endpoint": "", "secret": "no base64!"}, {"endpoint": "field-required", "secret": "access-key-malformed"}),
        (CarrierKind.AZURE, {"secret": ""}, {"secret": "field-required"}),
        (CarrierKind.SMTP, {"endpoint": "mail.example.org:99999"}, {"endpoint": "mail-server-malformed"}),
        (CarrierKind.SMTP, {"endpoint": "mail example"}, {"endpoint": "mail-server-malformed"}),
        (CarrierKind.SMTP, {"settings": {"tls": "none"}}, {"tls": "mail-without-tls"}),
        (CarrierKind.TWILIO, {"user": "SK" + "0" * 32}, {"account_sid": "field-required", "hook_secret": "field-required"}),
        (CarrierKind.SMTP, {"settings": {"tls": "perhaps"}}, {"tls": "choice-unknown"}),
        (
            CarrierKind.CONSOLE,
            {"settings": {"price": "cheap", "currency": "dollars"}},
            {"price": "price-malformed", "currency": "currency-malformed"},
        ),
        (CarrierKind.CONSOLE, {"secret": "tab\there"}, {"secret": "secret-characters"}),
    ],
)
async def test_an_account_that_cannot_work_is_refused(
    db: Database, tenant: TenantId, office: MessageOffice, kind: CarrierKind, wish: dict[str, Any], fields: dict[str, str]
) -> None:
    async with db.tenant(tenant) as tx:
        assert await wrong(office.account(tx, kind, **wish)) == fields


async def test_the_console_is_for_development(db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        assert await wrong(MessageOffice(loopback=False).account(tx)) == {"kind": "carrier-console-closed"}


async def test_senders_are_tried_in_the_order_of_their_accounts(db: Database, tenant: TenantId, office: MessageOffice) -> None:
    async with db.tenant(tenant) as tx:
        alder, birch = await office.connection(tx), await office.connection(tx, "https://ehr.birch.example/r4")
        first, second = await office.account(tx, CarrierKind.TWILIO), await office.account(tx, CarrierKind.AZURE)
        mail = await office.account(tx, CarrierKind.SMTP)
        one = await office.sender(tx, first, alder, birch)
        two = await office.sender(tx, second, alder, address="+18335550101", excluded=("+1900",), per_minute=50)
        await office.sender(tx, mail, alder, address="visits@alder.example", channel=Channel.EMAIL)
        assert [sender.id for sender in await office.settings.route(tx, alder, Channel.SMS)] == [one.id, two.id]
        assert await office.settings.route(tx, birch, Channel.SMS) == [one]
        office.replanned.clear()
        await office.carrying.order_accounts(tx, [second.id], by=SYSTEM)
        assert [sender.id for sender in await office.settings.route(tx, alder, Channel.SMS)] == [two.id, one.id]
        assert set(office.replanned) == {alder, birch}
        [email] = await office.settings.route(tx, alder, Channel.EMAIL)
        assert (email.address, email.account.kind, email.account.secret) == ("visits@alder.example", CarrierKind.SMTP, "canary-password")


@pytest.mark.parametrize(
    ("kind", "channel", "address", "code"),
    [
        (CarrierKind.TWILIO, Channel.SMS, "+18335550100", ""),
        (CarrierKind.TWILIO, Channel.SMS, "55501", ""),
        (CarrierKind.TWILIO, Channel.SMS, "ALDER", ""),
        (CarrierKind.TWILIO, Channel.SMS, "0800", ""),
        (CarrierKind.TWILIO, Channel.SMS, "+0800555", "sender-malformed"),
        (CarrierKind.TWILIO, Channel.SMS, "Alder Clinic of Madison", "sender-malformed"),
        (CarrierKind.TWILIO, Channel.SMS, "", "field-required"),
        (CarrierKind.TWILIO, Channel.EMAIL, "visits@alder.example", "sender-channel"),
        (CarrierKind.SMTP, Channel.SMS, "+18335550100", "sender-channel"),
        (CarrierKind.SMTP, Channel.EMAIL, "visits@alder.example", ""),
        (CarrierKind.SMTP, Channel.EMAIL, "visits@alder.example\nBcc: x@y.example", "email-malformed"),
        (CarrierKind.SMTP, Channel.EMAIL, "visits", "email-malformed"),
    ],
)
async def test_a_sender_is_a_number_a_code_a_name_or_a_mail_address(
    db: Database, tenant: TenantId, office: MessageOffice, kind: CarrierKind, channel: Channel, address: str, code: str
) -> None:
    async with db.tenant(tenant) as tx:
        account = await office.account(tx, kind)
        adding = office.carrying.add_sender(tx, account.id, Sender(UUID(int=0), NOBODY, channel, address), by=SYSTEM)
        if code:
            assert await wrong(adding) == {"address": code}
        else:
            assert (await adding).account == account


async def test_a_sender_is_once_in_its_account_and_may_come_back(db: Database, tenant: TenantId, office: MessageOffice) -> None:
    async with db.tenant(tenant) as tx:
        account = await office.account(tx)
        made = await office.sender(tx, account)
        assert await wrong(office.sender(tx, account)) == {"address": "sender-taken"}
        await office.carrying.remove_sender(tx, made.id, revision=1, by=SYSTEM)
        assert (await office.sender(tx, account)).id != made.id


async def test_what_can_be_changed_of_a_sender_plans_its_connections_anew(
    db: Database, tenant: TenantId, office: MessageOffice, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        made = await office.sender(tx, await office.account(tx), connection)
        office.replanned.clear()
        changed = await office.carrying.change_sender(tx, made.id, {"per_minute": 5, "excluded": ("+1900",)}, revision=1, by=SYSTEM)
        assert (changed.per_minute, changed.excluded) == (5, ("+1900",))
        with pytest.raises(Conflict):
            await office.carrying.change_sender(tx, made.id, {"per_minute": 6}, revision=1, by=SYSTEM)
        for changes, fields in (
            ({"per_minute": 0}, {"per_minute": "rate-range"}),
            ({"excluded": ("1900",)}, {"excluded": "prefix-malformed"}),
            ({"address": "+1"}, {"address": "field-unknown"}),
        ):
            assert await wrong(office.carrying.change_sender(tx, made.id, changes, revision=2, by=SYSTEM)) == fields
        await office.carrying.note_verification(tx, made.id, Verification.VERIFIED, by=SYSTEM)
        await office.carrying.note_verification(tx, made.id, Verification.VERIFIED, by=SYSTEM)
        assert office.replanned == [connection, connection]
        await office.carrying.link(tx, made.id, [], by=SYSTEM)
        assert await office.settings.route(tx, connection, Channel.SMS) == []
        assert await wrong(office.carrying.link(tx, made.id, [ConnectionId(new_id())], by=SYSTEM)) == {"connections": "choice-unknown"}
    assert (await acts(owner, tenant))[-3:] == ["sender.changed", "sender.changed", "sender.linked"]


async def test_a_box_keeps_who_ticked_it_and_without_both_nothing_is_consented(
    db: Database, tenant: TenantId, office: MessageOffice
) -> None:
    ana, ben = Actor("staff", "ana"), Actor("staff", "ben")
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        assert await office.settings.policy(tx, connection) is None
        await office.policy(tx, connection)
        await office.policies.consent(tx, behalf=True, patients=False, by=ana)
        assert not (await office.settings.policy(tx, connection)).consented  # type: ignore[union-attr]
        both = await office.policies.consent(tx, behalf=True, patients=True, by=ben)
        assert (both.behalf_by, both.patients_by, both.given) == ("ana", "ben", True)
        assert (await office.settings.policy(tx, connection)).consented  # type: ignore[union-attr]
        office.replanned.clear()
        none = await office.policies.consent(tx, behalf=False, patients=True, by=ben)
        assert (none.behalf_by, none.behalf_at, none.given) == ("", None, False)
        assert office.replanned == [connection]


async def test_a_policy_is_kept_whole_and_one_who_was_slower_is_told(
    db: Database, tenant: TenantId, office: MessageOffice, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        wanted: dict[str, Any] = {
            "on_scheduled": False,
            "on_updated": False,
            "on_cancelled": False,
            "reminders": (30, 2880),
            "quiet_from": time(20),
            "quiet_to": time(9, 30),
            "language": "zh-TW",
            "channels": (Channel.SMS, Channel.EMAIL),
        }
        saved = await office.policy(tx, connection, **wanted)
        assert saved == Policy(connection, revision=1, **{**wanted, "reminders": (2880, 30)})
        assert await office.settings.policy(tx, connection) == saved
        assert await office.settings.policies(tx) == {connection: saved}
        assert await office.policy(tx, connection, **wanted) == saved  # nothing new
        with pytest.raises(Conflict):
            await office.policies.set_policy(tx, connection, {"language": "en"}, revision=0, by=SYSTEM)
    assert (await acts(owner, tenant)) == ["message-policy.changed"]
    assert office.replanned == [connection]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"reminders": (0,)}, {"reminders": "reminder-range"}),
        ({"reminders": (60 * 24 * 61,)}, {"reminders": "reminder-range"}),
        ({"reminders": (60, 60)}, {"reminders": "reminder-twice"}),
        ({"reminders": tuple(range(1, 22))}, {"reminders": "too-many-entries"}),
        ({"language": "tlh"}, {"language": "choice-unknown"}),
        ({"consented": True}, {"consented": "field-unknown"}),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused(
    db: Database, tenant: TenantId, office: MessageOffice, changes: dict[str, Any], fields: dict[str, str]
) -> None:
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        assert await wrong(office.policy(tx, connection, **changes)) == fields


async def test_a_text_of_ones_own_stands_before_the_ready_made_one(db: Database, tenant: TenantId, office: MessageOffice) -> None:
    where = ("es", Channel.SMS, Purpose.REMINDER, Place.HOME)
    usual = ready_made(*where)
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        await office.policy(tx, connection, language="es")
        find: Callable[[str], Awaitable[Wording]] = lambda language: office.settings.wording(  # noqa: E731
            tx, connection, language, Channel.SMS, Purpose.REMINDER, Place.HOME
        )
        assert await find("es-MX") == await find("fr") == await find("") == usual
        own = Wording(Purpose.REMINDER, Channel.SMS, "es", Place.HOME, "{organisation}: {link}\r\nSTOP ")
        await office.policies.set_wording(tx, connection, own, revision=0, by=SYSTEM)
        assert (await find("es")).text == "{organisation}: {link}\nSTOP"
        assert (await find("en")).language == "en"
        with pytest.raises(Conflict):
            await office.policies.set_wording(
                tx, connection, own.__class__(**{**_fields(own), "text": "{organisation} {link}"}), revision=0, by=SYSTEM
            )
        assert [revision for _, revision in await office.settings.own_wordings(tx, connection)] == [1]
        await office.policies.set_wording(tx, connection, usual, revision=1, by=SYSTEM)
        assert await find("es") == usual
        assert await office.settings.own_wordings(tx, connection) == []


def _fields(one: Wording) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("purpose", "channel", "language", "place", "text", "subject")}


async def test_test_recipients_are_sealed_and_found_again(
    db: Database, tenant: TenantId, other_tenant: TenantId, office: MessageOffice, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        phone = await office.policies.add_test_recipient(tx, " +16085550134", "Ana's phone", by=SYSTEM)
        again = await office.policies.add_test_recipient(tx, "+16085550134", "Ben's phone", by=SYSTEM)
        assert again.id == phone.id
        await office.policies.add_test_recipient(tx, "Ana@Alder.Example", "", by=SYSTEM)
        assert [(one.address, one.label) for one in await office.settings.test_recipients(tx)] == [
            ("+16085550134", "Ben's phone"),
            ("Ana@Alder.Example", ""),
        ]
        assert await office.settings.is_test(tx, "+16085550134")
        assert await office.settings.is_test(tx, "ana@alder.example")
        assert not await office.settings.is_test(tx, "+16085550135")
        assert await wrong(office.policies.add_test_recipient(tx, "Ana", "", by=SYSTEM)) == {"address": "test-recipient-malformed"}
    async with db.tenant(other_tenant) as tx:
        assert not await office.settings.is_test(tx, "+16085550134")
        with pytest.raises(NotFound):
            await office.policies.remove_test_recipient(tx, phone.id, by=SYSTEM)
    rows = await owner.fetch("select address_sealed, address_key from message_test_recipients")
    assert b"6085550134" not in b"".join(row["address_sealed"] + row["address_key"] for row in rows)
    async with db.tenant(tenant) as tx:
        await office.policies.remove_test_recipient(tx, phone.id, by=SYSTEM)
        assert not await office.settings.is_test(tx, "+16085550134")


async def test_another_organisation_sees_none_of_it(db: Database, tenant: TenantId, other_tenant: TenantId, office: MessageOffice) -> None:
    async with db.tenant(tenant) as tx:
        connection = await office.connection(tx)
        account = await office.account(tx)
        made = await office.sender(tx, account, connection)
        await office.consented(tx)
        await office.policy(tx, connection)
    async with db.tenant(other_tenant) as tx:
        assert await office.settings.policy(tx, connection) is None
        assert await office.settings.route(tx, connection, Channel.SMS) == []
        assert not (await office.settings.consent(tx)).given
        for work in (
            office.settings.account(tx, account.id),
            office.settings.sender(tx, made.id),
            office.carrying.link(tx, made.id, [], by=SYSTEM),
            office.carrying.remove_account(tx, account.id, revision=1, by=SYSTEM),
            office.policy(tx, connection),
        ):
            with pytest.raises(NotFound):
                await work
