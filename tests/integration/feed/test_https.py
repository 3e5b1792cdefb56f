"""HL7 over HTTPS: the same inbox, the sender by its certificate or its signature, and statuses as the draft has them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from joserfc import jws
from joserfc.jwk import ECKey

from support.feeding import Key, make_key, message
from support.lines import KEYS, Clinic, Limits, clinic, code, msa
from support.waiting import until
from vestibule.feed.inbox import about
from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.settings import load
from vestibule.wiring.parts import read_keys

ER7 = "x-application/hl7-v2+er7"


@pytest.fixture
async def it(db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(db_url, owner, tenant, tmp_path, limits=Limits(message_bytes=50_000)) as one:
        yield one


@pytest.fixture
async def hasty(db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path) -> AsyncIterator[Clinic]:
    """One that waits neither for slow senders nor for the database."""
    async with clinic(db_url, owner, tenant, tmp_path, limits=Limits(patience=0.5, hold=1.0)) as one:
        yield one


async def post(session: aiohttp.ClientSession, body: Any, kind: str = ER7, **headers: str) -> tuple[int, str]:
    async with session.post("/hl7", data=body, headers={"Content-Type": kind, **headers}) as response:
        text = await response.text(errors="replace")
        assert ("MSA|" in text) is (response.status == 200)
        return response.status, text


def cms(key: Key, body: bytes) -> str:
    builder = PKCS7SignatureBuilder().set_data(body).add_signer(key.certificate, key.private, hashes.SHA256())
    return base64.b64encode(builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])).decode()


def seal(key: Key, body: bytes, **header: Any) -> str:
    kid = header or {"kid": key.hash.hex()}
    head, _, value = jws.serialize_compact({"alg": "ES256", **kid}, body, ECKey.import_key(key.private), algorithms=["ES256"]).split(".")
    return f"{head}..{value}"


@pytest.mark.parametrize("kind", [ER7, "application/hl7-v2+er7", "application/hl7-v2+er7; charset=utf-8", "text/plain"])
async def test_a_message_by_a_known_certificate_is_taken(it: Clinic, kind: str) -> None:
    async with it.http(it.key) as session, session.post("/hl7", data=message("1"), headers={"Content-Type": kind}) as response:
        assert (response.status, msa(await response.text())) == (200, ("AA", "1"))
        assert response.headers["Content-Type"] == f"{kind.partition(';')[0]}; charset=utf-8"
        assert "Date" in response.headers
    (row,) = await it.rows()
    assert (row["tenant_id"], row["connection_id"], row["via"]) == (it.tenant, it.connection, "https")


async def test_it_is_the_same_inbox(it: Clinic) -> None:
    sender = await it.plain()
    assert await sender.send(message("1")) == ("AA", "1")
    async with it.http(it.key) as session:
        assert msa((await post(session, message("1")))[1]) == ("AA", "1")
        status, text = await post(session, message("1", kind="SIU^S15", version="2.5.1"))
    assert (status, msa(text), code(text)) == (200, ("AE", "1"), "hl7-control-id-reused")
    assert [row["twin"] for row in await it.rows()] == [False, True]


@pytest.mark.parametrize("how", ["cms", "jws", "jws by certificate"])
async def test_a_signed_body_needs_no_certificate(it: Clinic, how: str) -> None:
    body = message("1")
    thumb = base64.urlsafe_b64encode(it.key.certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
    headers = {
        "cms": {"HL7-Signature": cms(it.key, body)},
        "jws": {"X-JWS-Signature": seal(it.key, body)},
        "jws by certificate": {"X-JWS-Signature": seal(it.key, body, **{"x5t#S256": thumb})},
    }[how]
    async with it.http(None) as session:
        status, text = await post(session, body, **headers)
        assert (status, msa(text)) == (200, ("AA", "1"))
        assert (await post(session, body + b"NTE|1\r", **headers))[0] == 400
    (row,) = await it.rows()
    assert (row["via"], row["tenant_id"]) == ("signed", it.tenant)


async def test_a_signature_over_another_body_is_noted_in_the_audit(it: Clinic) -> None:
    async with it.http(None) as session:
        status, text = await post(session, message("2"), **{"HL7-Signature": cms(it.key, message("1"))})
    assert (status, "signature-wrong" in text) == (400, True)
    assert await it.rows() == []
    noted = "select detail ->> 'reason' from audit_entries where action = 'feed.refused'"
    await until(lambda: it.owner.fetchval(noted))
    assert await it.owner.fetchval(noted) == "signature-wrong"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"HL7-Signature": "nonsense"}, 400),
        ({"HL7-Signature": cms(make_key("stranger"), message("1"))}, 401),
        ({"X-JWS-Signature": "a..b"}, 400),
        ({"X-JWS-Signature": seal(make_key("stranger"), message("1"))}, 401),
    ],
    ids=["nothing", "no cms", "a stranger's cms", "no jws", "a stranger's jws"],
)
async def test_without_proof_nothing_is_read(it: Clinic, headers: dict[str, str], status: int) -> None:
    """The answer comes though the body never does."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", it.listener.addresses["https"], ssl=it.client(), server_hostname="localhost"
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /hl7 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {ER7}\r\nContent-Length: 40000\r\n{head}\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 14)  # its patience with a body is longer
    assert int(line.split()[1]) == status
    writer.transport.abort()
    assert await it.rows() == []


async def test_a_strangers_certificate_is_refused_in_the_handshake(it: Clinic) -> None:
    async with it.http(make_key("stranger")) as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await post(session, message("1"))


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (message("1"), {"kind": "application/json"}, 400),
        (message("1"), {"kind": ER7, "Content-Encoding": "gzip"}, 400),
        (b"x" * 60_000, {"kind": ER7}, 413),
    ],
    ids=["another type", "compressed", "too large"],
)
async def test_a_fault_of_the_transport_has_no_hl7_in_it(it: Clinic, body: bytes, headers: dict[str, str], status: int) -> None:
    async with it.http(it.key) as session:
        assert (await post(session, body, **headers))[0] == status
        assert await it.rows() == []


async def test_chunks_beyond_the_limit_are_refused_too(it: Clinic) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    async with it.http(it.key) as session:
        assert (await post(session, endless()))[0] == 413


@pytest.mark.parametrize(("method", "path"), [("GET", "/hl7"), ("POST", "/"), ("PUT", "/hl7"), ("GET", "/favicon.ico")])
async def test_elsewhere_there_is_nothing(it: Clinic, method: str, path: str) -> None:
    async with it.http(it.key) as session, session.request(method, path) as response:
        assert response.status == 404


async def test_what_cannot_be_taken_is_told_in_an_ack_with_status_200(it: Clinic) -> None:
    async with it.http(it.key) as session:
        status, text = await post(session, b"no message")
        assert (status, msa(text)) == (200, ("AR", ""))


async def test_a_sender_may_want_to_be_told_by_the_status(it: Clinic) -> None:
    await it.owner.execute("update feed_settings set http_status = true; notify vestibule_feed_settings")
    async with it.http(it.key) as session:
        statuses = []
        for body in (message("1"), message("1", kind="SIU^S15"), b"no message"):
            async with session.post("/hl7", data=body, headers={"Content-Type": ER7}) as response:
                statuses.append((response.status, msa(await response.text())[0]))
    assert statuses == [(200, "AA"), (500, "AE"), (400, "AR")]


async def test_no_answer_is_wanted_and_none_is_given(it: Clinic) -> None:
    async with it.http(it.key) as session:
        body = message("1", more="|||NE|NE")
        async with session.post("/hl7", data=body, headers={"Content-Type": ER7}) as response:
            assert (response.status, await response.read()) == (200, b"")
    assert await it.control_ids() == ["1"]


@pytest.mark.parametrize(
    ("charset", "declared", "name", "kept"),
    [
        ("iso-8859-1", "", "Öztürk", ("utf-8", "")),
        ("iso-8859-1", "UNICODE UTF-8", "Öztürk", ("utf-8", "UNICODE UTF-8")),
        ("utf-8", "8859/1", "Öztürk", ("latin-1", "8859/1")),
        ("utf-8", "8859/1", "김민수", ("utf-8", "UNICODE UTF-8")),
        ("utf-8", "UNICODE UTF-8", "김민수", ("utf-8", "UNICODE UTF-8")),
    ],
)
async def test_the_headers_character_set_goes_before_msh_18(
    it: Clinic, charset: str, declared: str, name: str, kept: tuple[str, str]
) -> None:
    text = message("1", more=f"||||||{declared}").decode().replace("CANARY", name)
    async with it.http(it.key) as session:
        assert (await post(session, text.encode(charset), f"{ER7}; charset={charset}"))[0] == 200
    (row,) = await it.rows()
    box = SecretBox(read_keys(load({"VESTIBULE_KEYS": KEYS})))
    stored = box.open_bytes(row["body"], about=about(it.tenant, row["name"])).decode(kept[0])
    assert name in stored
    assert ([*stored.split("\r")[0].split("|"), ""])[17] == kept[1]


@pytest.mark.parametrize(("charset", "body"), [("nonsense", message("1")), ("utf-8", b"MSH|^~\\&|\xff\xfe|||||||1|P|2.3||||||8859/1\r")])
async def test_a_character_set_that_is_not_so_is_rejected(it: Clinic, charset: str, body: bytes) -> None:
    async with it.http(it.key) as session:
        status, text = await post(session, body, f"{ER7}; charset={charset}")
    assert (status, msa(text)[0]) == (200, "AR")


async def test_a_head_that_never_ends_and_a_body_that_never_ends_are_closed(hasty: Clinic) -> None:
    for beginning in (
        b"POST /hl7 HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        f"POST /hl7 HTTP/1.1\r\nHost: x\r\nContent-Type: {ER7}\r\nContent-Length: 900\r\n\r\n".encode(),
    ):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", hasty.listener.addresses["https"], ssl=hasty.client(hasty.key), server_hostname="localhost"
        )
        writer.write(beginning)
        rest = asyncio.create_task(reader.read())
        while not rest.done():
            writer.write(b"x")
            await asyncio.sleep(0.05)
        answer = await rest
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
        writer.transport.abort()


async def test_while_the_database_is_away_the_sender_is_told_to_come_again(hasty: Clinic) -> None:
    async with hasty.http(hasty.key) as session:
        assert (await post(session, message("0")))[0] == 200
        blocker = await asyncpg.connect(hasty.url)
        await blocker.execute("begin; lock table feed_inbox in exclusive mode")
        async with session.post("/hl7", data=message("1"), headers={"Content-Type": ER7}) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "30")
        await blocker.close()
        assert msa((await post(session, message("1")))[1]) == ("AA", "1")
    assert await hasty.control_ids() == ["0", "1"]


async def test_it_says_that_it_is_well_and_what_it_has_done(it: Clinic) -> None:
    async with it.http(None) as session:
        async with session.get("/health") as response:
            assert (response.status, await response.text()) == (200, "ready\n")
        async with session.get("/metrics") as response:
            assert response.status == 200
            assert "vestibule_feed_received_total" in await response.text()
