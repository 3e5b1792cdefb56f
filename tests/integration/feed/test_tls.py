"""Who sent it: the key proves it, never the message. MLLP over TLS, from networks, and what is turned away."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.feeding import Key, add_certificate, add_connection, make_key, message, tell
from support.lines import Clinic, Limits, clinic
from support.waiting import until
from vestibule.adapters.hl7.plain import Fence
from vestibule.feed.model import PlainPort, Sender
from vestibule.kit.ids import ConnectionId, TenantId, new_id

DAY = timedelta(days=1)


@pytest.fixture
async def it(db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(db_url, owner, tenant, tmp_path) as one:
        yield one


async def turned_away(it: Clinic, *args: object, **kwargs: object) -> bool:
    """With TLS 1.3 a client may believe itself in until it reads."""
    try:
        sender = await it.tls(*args, **kwargs)  # type: ignore[arg-type]
        sender.write(message("stranger"))
        return await sender.over()
    except (ConnectionError, ssl.SSLError):
        return True


async def test_the_uploaded_key_is_let_in(it: Clinic) -> None:
    sender = await it.tls()
    assert [await sender.send(message("1")), await sender.send(message("2"))] == [("AA", "1"), ("AA", "2")]
    assert {(row["tenant_id"], row["connection_id"], row["via"]) for row in await it.rows()} == {(it.tenant, it.connection, "mllps")}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(it: Clinic, version: ssl.TLSVersion) -> None:
    sender = await it.tls(minimum_version=version, maximum_version=version)
    assert await sender.send(message("1")) == ("AA", "1")


async def test_a_tls_older_than_1_2_is_refused(it: Clinic) -> None:
    context = it.client(it.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await it._opened(it.listener.addresses["mllps"], context)


async def test_who_never_finishes_the_handshake_is_closed_and_others_are_let_in(
    db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.adapters.hl7.door._EACH", 20)
    async with clinic(db_url, owner, tenant, tmp_path, limits=Limits(handshake=1.5)) as it:
        port = it.listener.addresses["mllps"]
        first = await it.tls()
        silent = [await it._opened(port, None) for _ in range(30)]
        assert await first.send(message("1")) == ("AA", "1")
        closed = await asyncio.gather(*(one.over(seconds=10) for one in silent))
        assert all(closed)
        assert await (await it.tls()).send(message("2")) == ("AA", "2")


async def test_a_cipher_without_forward_secrecy_is_refused(it: Clinic) -> None:
    context = it.client(it.key, maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES256-GCM-SHA384")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await it._opened(it.listener.addresses["mllps"], context)


async def test_a_stranger_is_turned_away_in_the_handshake(it: Clinic) -> None:
    assert await turned_away(it, make_key("stranger"))
    assert await it.rows() == []


async def test_a_client_without_a_certificate_is_turned_away(it: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, object]] = []
    monkeypatch.setattr("vestibule.feed.refusals.log.warning", lambda _, **more: said.append(more), raising=False)
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012  where it shows depends on the version of TLS
        sender = await it._opened(it.listener.addresses["mllps"], it.client())
        sender.write(message("1"))
        if await sender.over():
            raise ConnectionError
    assert await it.rows() == []
    await until(lambda: said)
    assert said == [{"reason": "no-certificate", "address": "127.0.0.1", "connection": None}]


async def test_plain_bytes_on_the_tls_port_get_nowhere(it: Clinic) -> None:
    sender = await it._opened(it.listener.addresses["mllps"], None)
    sender.write(message("1"))
    assert await sender.over()


@pytest.mark.parametrize(("starts", "ends"), [(-5 * DAY, -1 * DAY), (DAY, 5 * DAY)], ids=["expired", "not yet valid"])
async def test_a_certificate_out_of_its_time_is_turned_away(it: Clinic, starts: timedelta, ends: timedelta) -> None:
    key = make_key("late", starts=starts, ends=ends)
    await add_certificate(it.owner, it.tenant, it.connection, key)
    await until(lambda: key.der in it.listener.trusted)
    assert await turned_away(it, key)
    assert await it.rows() == []


@pytest.mark.parametrize(
    ("key", "uploaded", "reason"),
    [
        (make_key("stranger"), False, "self-signed-certificate"),
        (make_key("issued", issuer=make_key("authority", authority=True)), False, "unable-to-get-local-issuer-certificate"),
        (make_key("expired", starts=-5 * DAY, ends=-1 * DAY), True, "certificate-has-expired"),
        (make_key("early", starts=DAY, ends=5 * DAY), True, "certificate-is-not-yet-valid"),
        (make_key("server", use=ExtendedKeyUsageOID.SERVER_AUTH), True, "unsuitable-certificate-purpose"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_the_log_says_why_a_handshake_failed(
    it: Clinic, monkeypatch: pytest.MonkeyPatch, key: Key, uploaded: bool, reason: str
) -> None:
    """In the words that docs/howto/receive-appointments.md has for it."""
    said: list[dict[str, object]] = []
    monkeypatch.setattr("vestibule.feed.refusals.log.warning", lambda _, **more: said.append(more), raising=False)
    if uploaded:
        await add_certificate(it.owner, it.tenant, it.connection, key)
        await until(lambda: key.der in it.listener.trusted)
    assert await turned_away(it, key)
    await until(lambda: said)
    assert said == [{"reason": reason, "address": "127.0.0.1", "connection": None}]


async def test_a_certificate_for_clients_is_let_in(it: Clinic) -> None:
    key = make_key("client", use=ExtendedKeyUsageOID.CLIENT_AUTH)
    await add_certificate(it.owner, it.tenant, it.connection, key)
    await until(lambda: key.der in it.listener.trusted)
    assert await (await it.tls(key)).send(message("1")) == ("AA", "1")


async def test_two_certificates_may_overlap_and_each_is_let_in(it: Clinic) -> None:
    new = make_key("new")
    await add_certificate(it.owner, it.tenant, it.connection, new)
    await until(lambda: new.der in it.listener.trusted)
    for key, name in ((it.key, "old"), (new, "new")):
        assert await (await it.tls(key)).send(message(name)) == ("AA", name)


async def test_a_new_certificate_over_the_same_key_is_the_same_sender(it: Clinic) -> None:
    """What is pinned is the key; the certificate over it may be renewed, and is then uploaded again."""
    again = make_key("sender", private=it.key.private, ends=90 * DAY)
    await it.owner.execute("update feed_certificates set certificate = $1", again.der)
    await tell(it.owner)
    await until(lambda: again.der in it.listener.trusted)
    assert await (await it.tls(again)).send(message("1")) == ("AA", "1")


async def test_who_has_a_certificate_from_an_uploaded_one_is_still_nobody(it: Clinic) -> None:
    """An uploaded certificate vouches for its key, not for others: a certificate authority somebody uploads lets nobody in but itself."""
    authority = make_key("authority", authority=True)
    await add_certificate(it.owner, it.tenant, it.connection, authority)
    await until(lambda: authority.der in it.listener.trusted)
    assert await turned_away(it, make_key("issued", issuer=authority))
    assert await it.rows() == []


async def test_a_context_is_renewed_and_open_connections_stay(it: Clinic) -> None:
    sender, later = await it.tls(), make_key("later")
    assert await sender.send(message("1")) == ("AA", "1")
    assert await turned_away(it, later)
    await add_certificate(it.owner, it.tenant, it.connection, later)
    await until(lambda: later.der in it.listener.trusted)
    assert await (await it.tls(later)).send(message("2")) == ("AA", "2")
    assert await sender.send(message("3")) == ("AA", "3")


async def test_a_removed_certificate_closes_the_connections_of_its_key(it: Clinic) -> None:
    new = make_key("new")
    await add_certificate(it.owner, it.tenant, it.connection, new)
    await until(lambda: new.der in it.listener.trusted)
    old, stays = await it.tls(), await it.tls(new)
    assert [await old.send(message("1")), await stays.send(message("2"))] == [("AA", "1"), ("AA", "2")]
    await it.owner.execute("update feed_certificates set removed_at = now() where key_hash = $1", it.key.hash)
    await tell(it.owner)
    assert await old.over()
    assert await stays.send(message("3")) == ("AA", "3")
    assert await turned_away(it, it.key)


async def test_the_tenant_is_the_keys_whatever_the_message_says(it: Clinic, other_tenant: TenantId) -> None:
    """MSH-4 and the control id are another organisation's; the message stays with whose key it came by."""
    elsewhere = await add_connection(it.owner, other_tenant)
    theirs = make_key("theirs")
    await add_certificate(it.owner, other_tenant, elsewhere, theirs)
    await until(lambda: theirs.der in it.listener.trusted)
    forged = message("SAME").replace(b"ALDER", b"SOUTHFIELD")
    assert await (await it.tls()).send(forged) == ("AA", "SAME")
    assert await (await it.tls(theirs)).send(forged) == ("AA", "SAME")  # no clash: a name is a sender's own
    assert [(row["tenant_id"], row["connection_id"]) for row in await it.rows()] == [(it.tenant, it.connection), (other_tenant, elsewhere)]


async def test_a_plain_port_takes_its_own_networks_only_and_the_audit_says_who_tried(it: Clinic) -> None:
    await it.owner.execute("update feed_settings set networks = '{10.20.0.0/16}'")
    sender = await it.plain()
    await tell(it.owner)
    assert await sender.over()  # let in before, and not any longer
    for _ in range(6):
        assert await (await it.plain()).over()

    async def noted() -> list[asyncpg.Record]:
        return await it.owner.fetch(
            "select actor_kind, actor_address, about_id, outcome, detail from audit_entries where action = 'feed.refused'"
        )

    await until(lambda: _at_least(noted, 4))
    found = await noted()
    assert {(row["actor_kind"], row["actor_address"], row["about_id"], row["outcome"]) for row in found} == {
        ("nobody", "127.0.0.1", str(it.connection), "refused")
    }
    assert len(found) == 4  # one connection that was closed, and of six knocks three
    assert await it.rows() == []


async def _at_least(ask: object, wanted: int) -> bool:
    return len(await ask()) >= wanted  # type: ignore[operator]


@pytest.mark.parametrize(
    ("networks", "address", "wanted"),
    [
        (("10.20.0.0/16",), "10.20.3.4", True),
        (("10.20.0.0/16",), "10.21.3.4", False),
        (("10.20.0.0/16",), "::ffff:10.20.3.4", True),
        (("10.20.3.4/16",), "10.20.9.9", True),
        (("2001:db8::/32",), "2001:db8::7", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0",), "2001:db8::7", False),
        (("nonsense", "10.0.0.0/8"), "10.1.1.1", True),
        (("nonsense",), "10.1.1.1", False),
        ((), "127.0.0.1", False),
        (("127.0.0.0/8",), "not an address", False),
    ],
)
def test_a_fence_lets_in_what_is_inside(networks: tuple[str, ...], address: str, wanted: bool) -> None:
    port = PlainPort(1, Sender(TenantId(new_id()), ConnectionId(new_id())), networks)
    assert Fence(port).lets_in(address) is wanted
