"""The door for mail: whom it calls, how safely, and what it knows afterwards. Real sockets, real certificates."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.canary import Canary
from support.certificates import CertificateAuthority
from support.mail_server import HANG_UP, mail_server
from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.platform.http import Call
from vestibule.platform.mail import NEVER_SENT, Mail, Reply, Server, Stage, Tls

LETTER = b"From: a@alder.test\r\nTo: zelda@example.org\r\nSubject: x\r\n\r\n.dot\r\nZelda's visit\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(Path(tmp_path_factory.mktemp("mail")))


async def loopback(_host: str) -> Sequence[str]:
    return ["127.0.0.1"]


def door(trust: ssl.SSLContext | None = None) -> Mail:
    return Mail(name="visits.alder.test", allow_loopback=True, lookup=loopback, trust=trust)


async def deliver(mail: Mail, server: Server) -> Reply:
    return await mail.deliver(server, "a@alder.test", "zelda@example.org", LETTER, phase="test.mail", timeout=30)


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server(sign_in=True) as heard:
        reply = await deliver(door(), Server("127.0.0.1", heard.port, Tls.NONE, "alder", "post-word"))
    assert reply == Reply(Stage.CONTENT, 250)
    assert [letter.replace(b"\r\n..", b"\r\n.") for letter in heard.letters] == [LETTER]
    assert heard.commands[0] == "EHLO visits.alder.test"
    assert [c.partition(":")[2] for c in heard.commands if c.startswith(("MAIL", "RCPT"))] == ["<a@alder.test>", "<zelda@example.org>"]
    assert heard.secrets == ["\0alder\0post-word"]


@pytest.mark.parametrize("way", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_it_is_safe_before_a_secret_is_said(way: Tls, authority: CertificateAuthority) -> None:
    context = authority.server("mail.alder.test")
    starttls, tls = (context, None) if way is Tls.STARTTLS else (None, context)
    async with mail_server(starttls=starttls, tls=tls, sign_in=True) as heard:
        reply = await deliver(door(authority.client()), Server("mail.alder.test", heard.port, way, "alder", "post-word"))
    assert reply.ok
    if way is Tls.STARTTLS:
        assert heard.commands.index("STARTTLS") < next(n for n, c in enumerate(heard.commands) if c.startswith("AUTH"))


@pytest.mark.parametrize("way", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize(("host", "ends_in"), [("other.alder.test", timedelta(days=5)), ("mail.alder.test", timedelta(days=-1))])
async def test_a_certificate_that_is_not_the_servers_is_not_believed(
    way: Tls, host: str, ends_in: timedelta, authority: CertificateAuthority
) -> None:
    context = authority.server(host, ends_in=ends_in)
    starttls, tls = (context, None) if way is Tls.STARTTLS else (None, context)
    async with mail_server(starttls=starttls, tls=tls, sign_in=True) as heard:
        with pytest.raises(OutsideFailed) as told:
            await deliver(door(authority.client()), Server("mail.alder.test", heard.port, way, "alder", "post-word"))
    assert told.value.code == "mail-tls"
    assert heard.secrets == heard.letters == []


async def test_a_server_that_takes_starttls_away_gets_nothing() -> None:
    async with mail_server(sign_in=True) as heard:
        with pytest.raises(OutsideFailed) as told:
            await deliver(door(), Server("127.0.0.1", heard.port, Tls.STARTTLS, "alder", "post-word"))
    assert told.value.code == "mail-tls"
    assert heard.secrets == []


@pytest.mark.parametrize(
    ("address", "way", "allowed", "code"),
    [
        ("93.184.216.34", Tls.NONE, (), "mail-insecure"),
        ("10.1.2.3", Tls.STARTTLS, (), "mail-refused-address"),
        ("10.1.2.3", Tls.NONE, ("10.9.0.0/16",), "mail-refused-address"),
        ("169.254.169.254", Tls.NONE, ("169.254.0.0/16",), "mail-refused-address"),
        ("127.0.0.1", Tls.NONE, (), "mail-refused-address"),
        ("::ffff:127.0.0.1", Tls.STARTTLS, (), "mail-refused-address"),
    ],
)
async def test_machines_that_must_not_be_called_are_not(address: str, way: Tls, allowed: tuple[str, ...], code: str) -> None:
    async def leads_there(_host: str) -> Sequence[str]:
        return [address]

    mail = Mail(allow_networks=allowed, lookup=leads_there)
    with pytest.raises(NotAllowed) as told:
        await deliver(mail, Server("mail.alder.test", 25, way))
    assert told.value.code == code
    assert code in NEVER_SENT


@pytest.mark.parametrize("server", [Server("mail alder", 25), Server("a@b", 25), Server("mail.alder.test", 0), Server("x" * 300, 25)])
async def test_names_that_are_none_are_refused(server: Server) -> None:
    with pytest.raises(NotAllowed) as told:
        await deliver(door(), server)
    assert told.value.code == "mail-bad-server"


@pytest.mark.parametrize(
    ("says", "reply"),
    [
        ({"GREETING": "421 4.3.2 later"}, Reply(Stage.GREETING, 421, "4.3.2")),
        ({"MAIL": "550 5.1.8 not you"}, Reply(Stage.SENDER, 550, "5.1.8")),
        ({"RCPT": "550 5.1.1 <zelda@example.org> unknown"}, Reply(Stage.RECIPIENT, 550, "5.1.1")),
        ({"RCPT": "450-4.2.1 busy\r\n450 4.2.1 zelda"}, Reply(Stage.RECIPIENT, 450, "4.2.1")),
        ({"DATA": "451 4.3.0 not now"}, Reply(Stage.CONTENT, 451, "4.3.0")),
        ({"CONTENT": "554 5.7.1 spam"}, Reply(Stage.CONTENT, 554, "5.7.1")),
    ],
)
async def test_a_no_is_its_stage_and_its_code_and_no_more(says: dict[str, str], reply: Reply) -> None:
    async with mail_server(says) as heard:
        assert await deliver(door(), Server("127.0.0.1", heard.port, Tls.NONE)) == reply


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"GREETING": HANG_UP}, "mail-unreachable"),
        ({"MAIL": HANG_UP}, "mail-unreachable"),
        ({"RCPT": HANG_UP}, "mail-unreachable"),
        ({"DATA": HANG_UP}, "mail-answer-lost"),
        ({"CONTENT": HANG_UP}, "mail-answer-lost"),
        ({"CONTENT": "what?"}, "mail-answer-lost"),
        ({"CONTENT": "999 what"}, "mail-answer-lost"),
    ],
)
async def test_a_server_that_hangs_up_leaves_it_open_only_once_the_letter_was_on_its_way(says: dict[str, str], code: str) -> None:
    async with mail_server(says) as heard:
        with pytest.raises(OutsideFailed) as told:
            await deliver(door(), Server("127.0.0.1", heard.port, Tls.NONE))
    assert told.value.code == code
    assert (code in NEVER_SENT) == (code != "mail-answer-lost")
    assert not told.value.permanent


async def test_a_silent_server_is_given_up_in_time() -> None:
    async with mail_server({"RCPT": "", "MAIL": "250 ok"}) as heard:
        with pytest.raises(OutsideFailed):
            await door().deliver(Server("127.0.0.1", heard.port, Tls.NONE), "a@b", "c@d", LETTER, phase="test.mail", timeout=0.2)


async def test_knocking_signs_in_and_gives_nothing() -> None:
    async with mail_server(sign_in=True) as heard:
        assert (await door().knock(Server("127.0.0.1", heard.port, Tls.NONE, "alder", "post-word"), phase="test.mail")).ok
    assert heard.secrets
    assert not heard.letters


async def test_the_log_says_where_and_how_and_not_to_whom() -> None:
    calls: list[Call] = []
    mail = Mail(allow_loopback=True, on_call=calls.append)
    with capture_logs() as lines:
        async with mail_server({"RCPT": "550 5.1.1 <zelda@example.org> unknown"}, sign_in=True) as heard:
            await deliver(mail, Server("127.0.0.1", heard.port, Tls.NONE, "alder", "post-word"))
    assert [(call.phase, call.path, call.status) for call in calls] == [("test.mail", "recipient", 550)]
    assert Canary({"mail": "zelda@example.org", "name": "Zelda", "secret": "post-word"}).found("log", [str(lines)]) == []
