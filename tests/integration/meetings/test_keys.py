"""Our key pairs towards Microsoft: made once, kept sealed, replaced in time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from vestibule.errors import NotFound
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.keys import KeyPurpose, MeetingKeys
from vestibule.platform.db import Database

NOW = datetime(2026, 11, 21, 10, 0, 30, 123_456, tzinfo=UTC)
DAY = 86_400.0


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def keys(clock: FrozenClock) -> MeetingKeys:
    return MeetingKeys(clock, SecretBox([("k1", b"1" * 32)]))


async def test_a_key_is_made_when_it_is_first_asked_for(db: Database, tenant: TenantId, keys: MeetingKeys) -> None:
    async with db.tenant(tenant) as tx:
        assert await keys.app(tx) is None
    made = await keys.ensure(db, tenant, KeyPurpose.APP)
    assert await keys.ensure(db, tenant, KeyPurpose.APP) == made
    async with db.tenant(tenant) as tx:
        assert await keys.app(tx) == made
        assert await keys.notify(tx) is None, "the two purposes have nothing to do with each other"


async def test_the_certificate_is_of_that_key_and_holds_for_two_years(db: Database, tenant: TenantId, keys: MeetingKeys) -> None:
    made = await keys.ensure(db, tenant, KeyPurpose.NOTIFY)
    private, public = load_der_private_key(made.private, None), x509.load_der_x509_certificate(made.certificate)
    assert isinstance(private, RSAPrivateKey)
    assert private.public_key() == public.public_key()
    assert private.key_size in range(2_048, 4_097), "what Graph takes"
    assert public.not_valid_before_utc < NOW - timedelta(minutes=30), "whoever's clock is behind takes it too"
    assert public.not_valid_after_utc == made.not_after
    assert made.not_after - NOW > timedelta(days=729)


async def test_many_who_ask_at_once_are_given_one(db: Database, tenant: TenantId, keys: MeetingKeys) -> None:
    made = await asyncio.gather(*(keys.ensure(db, tenant, KeyPurpose.NOTIFY) for _ in range(5)))
    assert len({one.id for one in made}) == 1


async def test_the_private_half_is_nowhere_to_be_read(db: Database, tenant: TenantId, keys: MeetingKeys) -> None:
    made = await keys.ensure(db, tenant, KeyPurpose.APP)
    assert "private" not in repr(made)
    async with db.tenant(tenant) as tx:
        ((sealed,),) = await tx.fetch("select private_sealed from meeting_keys")
        assert made.private not in sealed
        assert [pair.private for _, pair in await keys.listing(tx)] == [b""]


async def test_another_organisation_has_its_own(db: Database, tenant: TenantId, other_tenant: TenantId, keys: MeetingKeys) -> None:
    mine, theirs = await keys.ensure(db, tenant, KeyPurpose.APP), await keys.ensure(db, other_tenant, KeyPurpose.APP)
    assert mine.id != theirs.id
    async with db.tenant(other_tenant) as tx:
        assert [pair.id for _, pair in await keys.listing(tx)] == [theirs.id]


async def test_a_second_certificate_to_prove_ourselves_by_waits_until_it_is_uploaded(
    db: Database, tenant: TenantId, keys: MeetingKeys, clock: FrozenClock
) -> None:
    first = await keys.prepare_app(db, tenant)
    async with db.tenant(tenant) as tx:
        assert (await keys.app(tx), await keys.waiting(tx)) == (first, None), "the first is in use at once"
    clock.advance(DAY)
    second = await keys.prepare_app(db, tenant)
    assert await keys.prepare_app(db, tenant) == second, "asking again makes no third"
    async with db.tenant(tenant) as tx:
        assert (await keys.app(tx), await keys.waiting(tx)) == (first, second)
        await keys.use(tx, second.id)
    async with db.tenant(tenant) as tx:
        now = await keys.app(tx)
        assert now is not None
        assert now.id == second.id
        assert {pair.id: pair.retired_at is None for _, pair in await keys.listing(tx)} == {first.id: False, second.id: True}


async def test_only_a_key_that_waits_is_taken_into_use(db: Database, tenant: TenantId, keys: MeetingKeys) -> None:
    first = await keys.prepare_app(db, tenant)
    for name in (first.id, "another"):
        async with db.tenant(tenant) as tx:
            with pytest.raises(NotFound, match="meeting-key-not-found"):
                await keys.use(tx, name)


async def test_the_key_for_notifications_is_replaced_two_months_before_its_end(
    db: Database, tenant: TenantId, keys: MeetingKeys, clock: FrozenClock
) -> None:
    first = await keys.ensure(db, tenant, KeyPurpose.NOTIFY)
    clock.advance(600 * DAY)
    assert await keys.renew_notify(db, tenant) is False
    assert await keys.whose_ending(db, TenantId(UUID(int=0)), 10) == []
    clock.advance(71 * DAY)
    assert await keys.whose_ending(db, TenantId(UUID(int=0)), 10) == [tenant]
    assert await keys.renew_notify(db, tenant) is True
    assert await keys.renew_notify(db, tenant) is False
    async with db.tenant(tenant) as tx:
        second = await keys.notify(tx)
        assert second is not None
        assert set(await keys.openers(tx)) == {first.id, second.id}


async def test_a_retired_key_is_deleted_when_nothing_needs_it(
    db: Database, tenant: TenantId, keys: MeetingKeys, clock: FrozenClock
) -> None:
    first = await keys.ensure(db, tenant, KeyPurpose.NOTIFY)
    await keys.renew_notify(db, tenant, now=True)
    clock.advance(8 * DAY)
    async with db.tenant(tenant) as tx:
        assert await keys.forget(tx, [first.id]) == 0
        assert await keys.forget(tx, []) == 1
        assert first.id not in await keys.openers(tx)
