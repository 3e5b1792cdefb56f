"""How an organisation is connected to its Microsoft 365: kept sealed, one organisation's own, never over somebody else's work."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from vestibule.errors import Conflict, InvalidFields
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import KeyPair, ProofKind, Settings
from vestibule.meetings.setting import MeetingSettings
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import MeetingKind, Opens

DIRECTORY, OTHER, CLIENT = (f"0a1de7c4-3b52-4f6e-9d10-00000000000{digit}" for digit in (1, 2, 3))
SECRET = "canary~of~a~client~secret"
CLOCK = SystemClock()


class Office:
    """The settings, on one box; `key` is what proves us."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.key: KeyPair | None = None
        box = SecretBox([("k1", b"1" * 32)])
        self.settings = MeetingSettings(box=box, clock=CLOCK, audit=Audit(CLOCK), app_key=self.app_key)

    async def app_key(self, _: Tx) -> KeyPair | None:
        return self.key

    async def save(self, tenant: TenantId, revision: int, **changes: Any) -> Settings:
        async with self.db.tenant(tenant) as tx:
            return await self.settings.save(tx, changes, revision=revision, by=SYSTEM)

    async def get(self, tenant: TenantId) -> Settings:
        async with self.db.tenant(tenant) as tx:
            return await self.settings.get(tx)


@pytest.fixture
def office(db: Database) -> Office:
    return Office(db)


CONNECTED = {"directory": DIRECTORY, "client_id": CLIENT, "proof": ProofKind.SECRET, "secret": SECRET}


async def test_nothing_set_is_the_room(office: Office, tenant: TenantId) -> None:
    assert await office.get(tenant) == Settings()
    async with office.db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match="teams-not-set-up"):
            await office.settings.account(tx)


async def test_what_is_saved_is_read_back_and_its_secret_is_sealed(office: Office, tenant: TenantId, owner: asyncpg.Connection) -> None:
    saved = await office.save(tenant, 0, **CONNECTED, opens=Opens.APP, recording=True)
    assert await office.get(tenant) == saved
    assert (saved.revision, saved.opens, saved.recording, saved.secret) == (1, Opens.APP, True, SECRET)
    assert SECRET not in repr(saved)
    row = await owner.fetchrow("select * from meeting_settings")
    assert row is not None
    assert SECRET.encode() not in b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    async with office.db.tenant(tenant) as tx:
        account = await office.settings.account(tx)
    assert (account.tenant, account.directory, account.secret, account.key) == (tenant, DIRECTORY, SECRET, None)


async def test_a_secret_that_is_not_used_is_not_kept(office: Office, tenant: TenantId, owner: asyncpg.Connection) -> None:
    await office.save(tenant, 0, **CONNECTED)
    await office.save(tenant, 1, proof=ProofKind.CERTIFICATE)
    assert await owner.fetchval("select secret_sealed from meeting_settings") is None


async def test_teams_is_chosen_only_where_it_is_connected(office: Office, tenant: TenantId) -> None:
    with pytest.raises(Conflict, match="teams-not-set-up"):
        await office.save(tenant, 0, kind=MeetingKind.TEAMS)
    now = await office.save(tenant, 0, directory=DIRECTORY, client_id=CLIENT)
    with pytest.raises(Conflict, match="teams-not-set-up"):  # no certificate was made
        await office.save(tenant, now.revision, kind=MeetingKind.TEAMS)
    office.key = KeyPair("k", b"", b"", CLOCK.now(), CLOCK.now())
    now = await office.save(tenant, now.revision, kind=MeetingKind.TEAMS)
    with pytest.raises(Conflict, match="teams-not-set-up"):
        await office.save(tenant, now.revision, directory="", client_id="")
    assert (await office.get(tenant)).kind is MeetingKind.TEAMS


async def test_of_two_who_save_at_once_one_is_told(office: Office, tenant: TenantId) -> None:
    for revision in (0, 1):
        tries = [office.save(tenant, revision, directory=directory, client_id=CLIENT, opens=opens) for directory, opens in _two(revision)]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(one).__name__ for one in done) == ["Conflict", "Settings"]
    assert (await office.get(tenant)).revision == 2


def _two(revision: int) -> list[tuple[str, Opens]]:
    return [(DIRECTORY, Opens.APP), (OTHER, Opens.HERE)] if revision == 0 else [(OTHER, Opens.WINDOW), (DIRECTORY, Opens.WINDOW)]


async def test_saving_the_same_again_changes_nothing_and_is_not_noted(office: Office, tenant: TenantId, owner: asyncpg.Connection) -> None:
    await office.save(tenant, 0, **CONNECTED)
    assert (await office.save(tenant, 1, **CONNECTED)).revision == 1
    assert await owner.fetchval("select count(*) from audit_entries where action = 'meeting-settings.changed'") == 1


async def test_fields_that_nobody_may_set_are_refused(office: Office, tenant: TenantId) -> None:
    for name in ("test_code", "tested_at", "region"):
        with pytest.raises(InvalidFields):
            await office.save(tenant, 0, **{name: 1})


async def test_a_test_counts_for_what_was_tested(office: Office, tenant: TenantId) -> None:
    tested = await office.save(tenant, 0, **CONNECTED)
    async with office.db.tenant(tenant) as tx:
        await office.settings.tested(tx, tested, "", by=SYSTEM)
    now = await office.save(tenant, 1, recording=True)
    assert (await office.get(tenant)).tested_at is not None  # an option proves nothing otherwise
    now = await office.save(tenant, now.revision, secret="another~one")
    async with office.db.tenant(tenant) as tx:
        await office.settings.tested(tx, tested, "teams-policy-missing", by=SYSTEM)  # of before
    assert ((await office.get(tenant)).tested_at, now.test_code) == (None, "")


async def test_with_another_directory_everybodys_sign_in_is_forgotten(
    office: Office, tenant: TenantId, other_tenant: TenantId, owner: asyncpg.Connection
) -> None:
    await office.save(tenant, 0, **CONNECTED)
    for whose in (tenant, other_tenant):
        await owner.execute(
            "insert into meeting_bindings (tenant_id, connection_id, person_key, id, person_sealed, object_id, bound_at) "
            "values ($1, $2, 'k', $3, 's', 'o', now())",
            whose,
            new_id(),
            new_id(),
        )
    await office.save(tenant, 1, recording=True)
    assert await owner.fetchval("select count(*) from meeting_bindings") == 2
    await office.save(tenant, 2, directory=OTHER)
    assert [row["tenant_id"] for row in await owner.fetch("select tenant_id from meeting_bindings")] == [other_tenant]
    noted = await owner.fetchval(
        "select detail::text from audit_entries where action = 'meeting-settings.changed' order by seq desc limit 1"
    )
    assert '"unbound": "1"' in noted or '"unbound":"1"' in noted


async def test_another_organisation_sees_nothing_of_it(office: Office, tenant: TenantId, other_tenant: TenantId) -> None:
    await office.save(tenant, 0, **CONNECTED)
    assert await office.get(other_tenant) == Settings()
