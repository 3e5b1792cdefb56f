"""Settings of a feed: judged, revised, audited, told to the listener; certificates one by one."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from support.senders import certificate_pem
from support.waiting import until
from vestibule.errors import BadInput, Conflict, InvalidFields, NotFound
from vestibule.feed.model import CHANGED, FeedSettings, Rule, RuleField
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database, Listener
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Place

SERVICE = FeedSettingsService(SystemClock(), Audit())


async def connect(db: Database, tenant: TenantId, iss: str = "https://ehr.test/fhir") -> ConnectionId:
    async with db.tenant(tenant) as tx:
        one = Connection(ConnectionId(new_id()), tenant, "Alder", Vendor.EPIC, Environment.TEST, iss)
        await Tenancy(SystemClock(), SecretBox([("k1", b"7" * 32)])).add_connection(tx, one)
    return one.id


@pytest.fixture
async def connection(db: Database, tenant: TenantId) -> ConnectionId:
    return await connect(db, tenant)


async def change(db: Database, tenant: TenantId, connection: ConnectionId, revision: int = 0, **changes: Any) -> FeedSettings:
    async with db.tenant(tenant) as tx:
        return await SERVICE.change(tx, connection, changes, revision=revision, by=SYSTEM)


async def test_what_is_set_is_read_again_and_noted(
    db: Database, tenant: TenantId, connection: ConnectionId, owner: asyncpg.Connection
) -> None:
    rules = (Rule(RuleField.RESOURCE, "VIDEO ROOM"), Rule(RuleField.ANY, virtual=False, place=Place.CLINIC))
    wanted = {"enabled": True, "zone": "America/Chicago", "rules": rules, "networks": ("10.20.0.7/16", "10.20.0.0/16"), "plain_port": 6661}
    made = await change(db, tenant, connection, **wanted)
    assert (made.revision, made.networks, made.rules) == (1, ("10.20.0.0/16",), rules)
    async with db.tenant(tenant) as tx:
        assert await SERVICE.get(tx, connection) == made
        assert await SERVICE.all(tx) == {connection: made}
    entries = await owner.fetch("select action, detail::text from audit_entries where action like 'feed.%'")
    assert [row["action"] for row in entries] == ["feed.changed"]
    assert "plain_port" in entries[0]["detail"]
    assert (await change(db, tenant, connection, 1)).revision == 1, "nothing changed, nothing noted"


async def test_before_anybody_sets_anything_it_is_off(db: Database, tenant: TenantId, connection: ConnectionId) -> None:
    async with db.tenant(tenant) as tx:
        assert await SERVICE.get(tx, connection) == FeedSettings(connection)


async def test_whoever_was_slower_is_told(db: Database, tenant: TenantId, connection: ConnectionId) -> None:
    await change(db, tenant, connection, zone="Europe/Berlin")
    with pytest.raises(Conflict, match="feed-changed"):
        await change(db, tenant, connection, 0, zone="Europe/Paris")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"csn_from": "sch-9"}, "csn_from", "choice-unknown"),
        ({"department_from": "msh-4"}, "department_from", "choice-unknown"),
        ({"zone": "Mars/Olympus"}, "zone", "zone-unknown"),
        ({"region": "usa"}, "region", "region-malformed"),
        ({"raw_hours": 73}, "raw_hours", "hours-range"),
        ({"raw_hours": 0}, "raw_hours", "hours-range"),
        ({"plain_port": 80, "networks": ("10.0.0.0/8",)}, "plain_port", "port-range"),
        ({"plain_port": 6661}, "networks", "networks-missing"),
        ({"plain_port": 6661, "networks": ("ten",)}, "networks", "network-malformed"),
        ({"plain_port": 6661, "networks": ("0.0.0.0/0",)}, "networks", "network-everything"),
        ({"plain_port": 6661, "networks": ("::/0",)}, "networks", "network-everything"),
        ({"plain_port": 6661, "networks": ("8.8.8.0/24",)}, "networks", "network-public"),
        ({"plain_port": 6661, "networks": ("10.0.0.0/7",)}, "networks", "network-public"),
        ({"networks": tuple(f"10.{n}.0.0/16" for n in range(51))}, "networks", "too-many-entries"),
        ({"rules": (Rule(RuleField.REASON, "  "),)}, "rules", "rule-empty"),
        ({"rules": (Rule(RuleField.REASON, "x" * 201),)}, "rules", "field-too-long"),
        ({"rules": (Rule(RuleField.REASON, "a\x00b"),)}, "rules", "text-characters"),
        ({"rules": (Rule(RuleField.ANY),) * 201}, "rules", "too-many-entries"),
        ({"colour": "red"}, "colour", "field-unknown"),
    ],
)
async def test_what_cannot_be_used_is_said_beside_its_field(
    db: Database, tenant: TenantId, connection: ConnectionId, changes: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await change(db, tenant, connection, **changes)
    assert refused.value.fields == {field: code}


async def test_a_public_network_must_be_meant_and_stands_in_the_audit(
    db: Database, tenant: TenantId, connection: ConnectionId, owner: asyncpg.Connection
) -> None:
    wanted = {"networks": ("203.0.113.7",), "plain_port": 6661}
    async with db.tenant(tenant) as tx:
        await SERVICE.change(tx, connection, wanted, revision=0, by=SYSTEM, may_be_public=["203.0.113.7"])
    assert (await change(db, tenant, connection, 1, zone="Europe/Berlin")).networks == ("203.0.113.7/32",), "it need not be said again"
    assert "203.0.113.7" in await owner.fetchval(
        "select detail::text from audit_entries where action = 'feed.changed' order by seq limit 1"
    )


async def test_a_port_belongs_to_one_connection_of_the_whole_installation(
    db: Database, tenant: TenantId, other_tenant: TenantId, connection: ConnectionId
) -> None:
    await change(db, tenant, connection, plain_port=6661, networks=("10.0.0.0/8",))
    elsewhere = await connect(db, other_tenant)
    with pytest.raises(InvalidFields) as refused:
        await change(db, other_tenant, elsewhere, plain_port=6661, networks=("10.0.0.0/8",))
    assert refused.value.fields == {"plain_port": "plain-port-taken"}


# ---------------------------------------------------------------------- certificates


async def test_two_certificates_overlap_and_the_listener_hears_of_each(
    db: Database, tenant: TenantId, connection: ConnectionId, db_url: str, owner: asyncpg.Connection
) -> None:
    heard: list[str] = []
    listener = Listener(db_url)
    listener.subscribe(CHANGED, heard.append)
    await listener.start()
    try:
        async with db.tenant(tenant) as tx:
            first = await SERVICE.add_certificate(tx, connection, certificate_pem("first"), by=SYSTEM)
        async with db.tenant(tenant) as tx:
            await SERVICE.add_certificate(tx, connection, certificate_pem("second"), by=SYSTEM)
            assert [one.subject for one in await SERVICE.certificates(tx)] == ["CN=first", "CN=second"]
        async with db.tenant(tenant) as tx:
            await SERVICE.remove_certificate(tx, connection, first.id, by=SYSTEM)
            assert [one.subject for one in await SERVICE.certificates(tx, connection)] == ["CN=second"]
        await until(lambda: len(heard) >= 3, what="the listener is told")
    finally:
        await listener.stop()
    actions = [row[0] for row in await owner.fetch("select action from audit_entries where action like 'feed.cert%' order by seq")]
    assert actions == ["feed.certificate-added", "feed.certificate-added", "feed.certificate-removed"]


async def test_a_key_is_one_senders_whoever_they_are(
    db: Database, tenant: TenantId, other_tenant: TenantId, connection: ConnectionId
) -> None:
    pem = certificate_pem("mine")
    async with db.tenant(tenant) as tx:
        made = await SERVICE.add_certificate(tx, connection, pem, by=SYSTEM)
    for where, whose, code in (
        (tenant, connection, "certificate-known"),
        (tenant, await connect(db, tenant, "https://ehr.test/other"), "certificate-taken"),
        (other_tenant, await connect(db, other_tenant), "certificate-taken"),
    ):
        with pytest.raises(Conflict, match=code):
            async with db.tenant(where) as tx:
                await SERVICE.add_certificate(tx, whose, pem, by=SYSTEM)
    async with db.tenant(tenant) as tx:
        await SERVICE.remove_certificate(tx, connection, made.id, by=SYSTEM)
        await SERVICE.add_certificate(tx, connection, pem, by=SYSTEM)


async def test_a_private_key_is_refused_and_nothing_of_it_kept(
    db: Database, tenant: TenantId, connection: ConnectionId, owner: asyncpg.Connection
) -> None:
    with pytest.raises(BadInput, match="certificate-private-key"):
        async with db.tenant(tenant) as tx:
            await SERVICE.add_certificate(tx, connection, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", by=SYSTEM)
    assert await owner.fetchval("select count(*) from feed_certificates") == 0


async def test_a_fifth_certificate_and_one_that_is_not_there_are_refused(db: Database, tenant: TenantId, connection: ConnectionId) -> None:
    async with db.tenant(tenant) as tx:
        for name in "abcd":
            await SERVICE.add_certificate(tx, connection, certificate_pem(name), by=SYSTEM)
    with pytest.raises(Conflict, match="certificate-too-many"):
        async with db.tenant(tenant) as tx:
            await SERVICE.add_certificate(tx, connection, certificate_pem("e"), by=SYSTEM)
    with pytest.raises(NotFound, match="certificate-not-found"):
        async with db.tenant(tenant) as tx:
            await SERVICE.remove_certificate(tx, connection, new_id(), by=SYSTEM)
