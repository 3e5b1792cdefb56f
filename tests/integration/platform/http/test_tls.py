"""TLS is 1.2 or newer and verified; when it is not, the error says what is wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from support.authority import Authority
from support.raw_server import ok, raw_server
from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Ask
from vestibule.platform.http import NEVER_SENT, Http


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


async def loopback(_host: str) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def http(authority: Authority) -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True, lookup=loopback, trust=authority.trusted())
    yield door
    await door.close()


async def words(http: Http, tls: ssl.SSLContext) -> str:
    async with raw_server(ok(), tls) as server:
        with pytest.raises(OutsideFailed) as raised:
            await http.perform(Ask("POST", server.at("ehr.test"), "p", body=b"secret"), timeout=30)
        assert server.heard == []
    assert raised.value.code == "outside-tls"
    assert raised.value.code in NEVER_SENT
    return raised.value.sentence


async def test_a_good_certificate_is_believed(http: Http, authority: Authority) -> None:
    async with raw_server(ok(), authority.server("ehr.test")) as server:
        assert (await http.perform(Ask("GET", server.at("ehr.test"), "p"))).status == 200


async def test_an_expired_one_is_not(http: Http, authority: Authority) -> None:
    assert "has expired" in await words(http, authority.server("ehr.test", since=-9, until=-1))


async def test_one_from_the_future_is_not(http: Http, authority: Authority) -> None:
    assert "not valid yet" in await words(http, authority.server("ehr.test", since=1, until=2))


async def test_one_for_another_host_is_not(http: Http, authority: Authority) -> None:
    assert "another host name" in await words(http, authority.server("other.test"))


async def test_a_self_signed_one_is_not(http: Http, authority: Authority) -> None:
    assert "self-signed" in await words(http, authority.server("ehr.test", self_signed=True))


async def test_one_of_an_unknown_authority_is_not(http: Http, tmp_path: Path) -> None:
    assert "not trusted here" in await words(http, Authority.make(tmp_path).server("ehr.test"))


async def test_the_door_trusts_the_systems_authorities_when_not_told_otherwise(authority: Authority) -> None:
    http = Http(allow_loopback_http=True, lookup=loopback)
    assert "not trusted here" in await words(http, authority.server("ehr.test"))
    await http.close()


async def test_a_lax_context_is_tightened() -> None:
    lax = ssl.create_default_context()
    lax.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    Http(trust=lax)
    assert lax.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"220 smtp ready\r\n", "does not speak TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (bytes.fromhex("15030100020246"), "older than 1.2"),  # alert protocol_version, as a server that knows only TLS 1.0 says
        (bytes.fromhex("15030300020228"), "refused the handshake"),  # alert handshake_failure
    ],
)
async def test_whoever_cannot_agree_on_tls_is_told_so(http: Http, says: bytes, words: str) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(says)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(OutsideFailed) as raised:
        await http.perform(Ask("GET", f"https://ehr.test:{port}/", "p"), timeout=30)
    listener.close()
    assert raised.value.code == "outside-tls"
    assert words in raised.value.sentence
