"""Reaching a record: names, ports, silence, TLS, certificates, redirects, and machines that must not be called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from support.authority import Authority
from support.clinic import codes, doctor, told
from support.ports import free_port
from support.raw_server import Heard, ok, raw_server, redirect
from vestibule.doctor.model import Level

STATEMENT = b'{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


async def here(_host: str) -> Sequence[str]:
    return ["127.0.0.1"]


async def nowhere(_host: str) -> Sequence[str]:
    return []


@pytest.mark.parametrize(
    ("since", "until", "certificate_for", "code"),
    [
        (-1, 60, "ehr.test", "certificate-good"),
        (-1, 29, "ehr.test", "certificate-ends-soon"),
        (-9, -1, "ehr.test", "certificate-expired"),
        (2, 9, "ehr.test", "certificate-not-yet"),
        (-1, 60, "other.test", "certificate-other-host"),
    ],
)
async def test_a_certificate_is_judged_by_its_dates_and_its_name(
    authority: Authority, since: int, until: int, certificate_for: str, code: str
) -> None:
    tls = authority.server(certificate_for, since=since, until=until)
    async with raw_server(ok(STATEMENT), tls=tls) as server, doctor(lookup=here, trust=authority.trusted()) as house:
        findings, _ = await house.look_at(server.at("ehr.test") + "/R4")
    assert code in codes(findings)
    assert (told(findings, code).level is Level.STOPS) == (code not in {"certificate-good", "certificate-ends-soon"})


async def test_an_authority_that_nobody_knows_is_named(authority: Authority) -> None:
    async with raw_server(ok(STATEMENT), tls=authority.server("ehr.test")) as server, doctor(lookup=here) as house:
        findings, found = await house.look_at(server.at("ehr.test") + "/R4")
    assert codes(findings)[-1] == "certificate-untrusted"
    assert found is None


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (b"220 smtp ready\r\n", "tls-failed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls-failed"),
        (bytes.fromhex("15030100020246"), "tls-old"),  # alert protocol_version, as a server that knows only TLS 1.0 says
        (bytes.fromhex("15030300020228"), "tls-failed"),  # alert handshake_failure
        (b"", "reach-hung-up"),
    ],
)
async def test_whoever_cannot_agree_on_tls_is_told_so(authority: Authority, says: bytes, code: str) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(says)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, doctor(lookup=here, trust=authority.trusted()) as house:
        findings, _ = await house.look_at(f"https://ehr.test:{port}/R4")
    assert codes(findings)[-1] == code


async def test_a_name_that_nobody_knows_is_named() -> None:
    async with doctor(lookup=nowhere) as house:
        findings, _ = await house.look_at("https://ehr.test/R4")
    assert codes(findings) == ["reach-name"]


async def test_a_closed_port_is_named() -> None:
    async with doctor(lookup=here) as house:
        findings, _ = await house.look_at(f"https://ehr.test:{free_port()}/R4")
    assert codes(findings)[-1] == "reach-refused"


async def test_of_several_addresses_one_that_answers_is_enough(authority: Authority) -> None:
    async def both(_host: str) -> Sequence[str]:
        return ["::1", "127.0.0.2", "127.0.0.1"]  # the server listens at the last one only

    tls = authority.server("ehr.test", until=60)
    async with raw_server(ok(STATEMENT), tls=tls) as server, doctor(lookup=both, trust=authority.trusted()) as house:
        findings, _ = await house.look_at(server.at("ehr.test") + "/R4")
    assert "reachable" in codes(findings)


async def test_a_silent_machine_is_named_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("vestibule.doctor.checks.reach._SECONDS", 0.05)
    async with doctor(lookup=never) as house:
        findings, _ = await house.look_at("https://ehr.test/R4")
    assert codes(findings) == ["reach-silent"]


PRIVATE = [
    ("127.0.0.1", "loopback"),
    ("::1", "loopback"),
    ("10.1.2.3", "private"),
    ("192.168.0.9", "private"),
    ("169.254.1.1", "link-local"),
    ("169.254.169.254", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("100.64.0.1", "reserved"),
    ("::ffff:10.0.0.1", "IPv4-mapped"),
    ("64:ff9b::a00:1", "NAT64"),
    ("0.0.0.0", "unspecified"),
    ("fe80::1", "link-local"),
]


@pytest.mark.parametrize(("address", "kind"), PRIVATE)
async def test_a_name_that_leads_inside_is_refused_and_nobody_is_called(address: str, kind: str) -> None:
    async def inside(_host: str) -> Sequence[str]:
        return ["8.8.8.8", address]  # one bad address among good ones is enough

    async with raw_server(ok(STATEMENT)) as server, doctor(lookup=inside, allow_loopback_http=False) as house:
        findings, _ = await house.look_at(f"https://ehr.test:{server.port}/R4")
        assert server.connections == 0
    assert codes(findings)[-1] == "url-refused-address"
    assert kind in findings[-1].what


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost"])
async def test_a_private_machine_by_its_number_is_refused(host: str) -> None:
    async with doctor(allow_loopback_http=False) as house:
        findings, found = await house.look_at(f"https://{host}/R4")
    assert codes(findings) == ["url-refused-address"]
    assert found is None


async def test_a_name_that_changes_its_mind_between_two_look_ups_is_refused(authority: Authority) -> None:
    asked = 0

    async def rebound(_host: str) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked == 1 else ["10.0.0.1"]

    tls = authority.server("ehr.test", until=60)
    async with raw_server(ok(STATEMENT), tls=tls) as server, doctor(lookup=rebound, trust=authority.trusted()) as house:
        findings, found = await house.look_at(server.at("ehr.test") + "/R4")
        assert server.heard == []  # the first look-up got a handshake, and not one word was said
    assert "url-refused-address" in codes(findings)
    assert found is None


@pytest.mark.parametrize(
    ("location", "code", "named"),
    [
        ("http://10.0.0.1/admin", "redirect-private", "private"),
        ("http://169.254.169.254/latest/meta-data", "redirect-private", "metadata"),
        ("http://[::ffff:10.0.0.1]/", "redirect-private", "IPv4-mapped"),
        ("https://inside.test/x", "redirect-private", "inside.test"),
        ("https://user:hunter2@8.8.8.8/", "redirect-nowhere", ""),
        ("https://2130706433/", "redirect-nowhere", ""),
        ("javascript:alert(1)", "redirect-nowhere", ""),
        ("", "redirect", ""),
        ("/login?next=secret", "redirect", "/login"),
        ("https://8.8.8.8/R4", "redirect", "8.8.8.8"),
    ],
)
async def test_a_redirect_is_named_and_never_followed(location: str, code: str, named: str) -> None:
    async def look_up(host: str) -> Sequence[str]:
        return ["192.168.1.1"] if host == "inside.test" else ["127.0.0.1"]

    async with raw_server(redirect(location)) as server, doctor(lookup=look_up) as house:
        findings, found = await house.look_at(f"{server.origin}/R4")
        paths = {heard.line.split()[1].split("?")[0] for heard in server.heard}
        assert "/login" not in paths
        assert "/admin" not in paths
    finding = told(findings, code)
    assert finding.level is Level.STOPS
    assert named in finding.what
    assert "hunter2" not in finding.what
    assert "secret" not in finding.what
    assert found is None


async def test_a_connection_without_a_word_is_written_down() -> None:
    with capture_logs() as lines:
        async with raw_server(ok(STATEMENT)) as server, doctor(allow_loopback_http=False) as house:
            await house.look_at(f"https://127.0.0.1:{server.port}/R4")
    assert ("CONNECT", "outside-refused-address") in [(line.get("method"), line.get("code")) for line in lines]


async def test_everything_together_ends_in_time() -> None:
    over = asyncio.Event()

    async def silence(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with raw_server(silence) as server, doctor(seconds=2) as house:
        findings, _ = await house.look_at(f"{server.origin}/R4")
        over.set()
    assert codes(findings) == ["reachable", "out-of-time"]
