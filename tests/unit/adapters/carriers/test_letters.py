"""E-mail: the letter as a mail program reads it, and nothing that a name, a subject or an address can add to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.carriers import MAIL, MESSAGE, TEXT, account, message
from vestibule.adapters.carriers.smtp.carrier import server_of
from vestibule.adapters.carriers.smtp.codes import of_reply
from vestibule.adapters.carriers.smtp.letter import is_address, letter
from vestibule.messages.model import Calendar, CarrierKind, Status
from vestibule.platform.mail import Reply, Server, Stage, Tls

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OWNER = account(CarrierKind.SMTP, endpoint="mail.alder.test", user="alder", secret="post-word")
CALENDAR = Calendar("visit-1@alder.test", 1, NOW, NOW + timedelta(minutes=30), "Video visit", "https://visits.alder.test/j/abc")


def read(made: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(made, policy=default))


def test_a_letter_has_one_of_each_header_and_the_text() -> None:
    made = read(letter(message(OWNER, email=True), NOW))
    assert str(made["From"]) == "Alder Health <visits@alder.test>"
    assert (str(made["To"]), str(made["Subject"])) == (MAIL, "Your visit")
    assert made["Message-ID"] == f"<{MESSAGE}@alder.test>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Date"].datetime == NOW
    assert made.get_content_type() == "text/plain"
    assert made.get_content().strip() == TEXT


@pytest.mark.parametrize(("cancelled", "method"), [(False, "REQUEST"), (True, "CANCEL")])
def test_an_appointment_is_an_invitation_beside_the_text(cancelled: bool, method: str) -> None:
    made = read(letter(message(OWNER, email=True, calendar=replace(CALENDAR, cancelled=cancelled)), NOW))
    assert made.get_content_type() == "multipart/alternative"
    text, invitation = made.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert invitation.get_content_type() == "text/calendar"
    assert invitation["Content-Type"].params["method"] == method
    assert invitation["Content-Type"].params["component"] == "VEVENT"
    assert invitation["Content-Type"].params["charset"] == "utf-8"
    inside = invitation.get_payload(decode=True).decode()
    assert f"METHOD:{method}\r\n" in inside
    assert "UID:visit-1@alder.test\r\n" in inside


@pytest.mark.parametrize(
    "text", ["안녕하세요, 진료가 예약되었습니다.", "您的視訊看診時間已更改", "Cita a las 10 · «Alder»", "." * 90, ".\r\n.\r\nQUIT"]
)
def test_every_language_and_every_dot_arrives(text: str) -> None:
    made = read(letter(message(OWNER, email=True, text=text, subject=text.splitlines()[0]), NOW))
    assert made.get_content().replace("\r\n", "\n").strip() == text.replace("\r\n", "\n").strip()
    assert str(made["Subject"]) == text.splitlines()[0]
    assert letter(message(OWNER, email=True, text=text), NOW).isascii()


@given(st.text(max_size=300), st.text(max_size=200), st.text(max_size=500))
def test_no_subject_name_or_text_adds_a_header(subject: str, name: str, text: str) -> None:
    sound = text.encode("utf-8", "replace").decode()
    about = message(OWNER, email=True, subject=subject, text=sound)
    made = read(letter(replace(about, sender=replace(about.sender, name=name)), NOW))
    ours = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"]
    assert sorted(made.keys()) == sorted([*ours, "Content-Type", "Content-Transfer-Encoding", "MIME-Version"])
    assert len(made["To"].addresses) == len(made["From"].addresses) == 1
    assert made["From"].addresses[0].addr_spec == "visits@alder.test"


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@b", "a b@c.example", "a@b c", "a@b\r\nRCPT TO:<c@d.example>", "a@b.example\n", "<a@b.example>", "a@b,c@d"),
        *("a@b.example\x00", '"a b"@c.example', "a..b@c.example", ".a@b.example", "a@-b.example", "a@b..c", "a@[127.0.0.1]", "ä@b.example"),
        *("a" * 65 + "@b.example", "a@" + "b" * 64 + ".example", "a@b.example>", "a@b.example;c@d.example"),
    ],
)
def test_what_is_not_one_plain_address_is_none(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("text", ["a@b.example", "zelda.quux+visits@mail.alder.example", "o'hara@b.example", "a@localhost"])
def test_plain_addresses_are_addresses(text: str) -> None:
    assert is_address(text)


@given(st.text(max_size=80))
def test_an_address_never_holds_what_ends_a_command(text: str) -> None:
    assert not (is_address(text) and set(text) & set("\r\n\x00<>, ;"))


@pytest.mark.parametrize(
    ("endpoint", "settings", "server"),
    [
        ("mail.alder.test", {}, Server("mail.alder.test", 587, Tls.STARTTLS, "alder", "post-word")),
        ("mail.alder.test", {"tls": "implicit"}, Server("mail.alder.test", 465, Tls.IMPLICIT, "alder", "post-word")),
        ("10.0.0.5:25", {"tls": "none"}, Server("10.0.0.5", 25, Tls.NONE, "alder", "post-word")),
        ("[::1]:2525", {"tls": "none"}, Server("::1", 2525, Tls.NONE, "alder", "post-word")),
        ("", {}, None),
        ("smtp://mail.alder.test", {}, None),
        ("mail.alder.test:99999x", {}, None),
        ("mail.alder.test", {"tls": "perhaps"}, None),
    ],
)
def test_an_accounts_server_is_read_strictly(endpoint: str, settings: dict[str, Any], server: Server | None) -> None:
    assert server_of(replace(OWNER, endpoint=endpoint, settings=settings)) == server


@pytest.mark.parametrize(
    ("reply", "status", "code", "elsewhere"),
    [
        (Reply(Stage.RECIPIENT, 550, "5.1.1"), Status.NO_SUCH_NUMBER, "carrier-no-such-number", False),
        (Reply(Stage.RECIPIENT, 550), Status.NO_SUCH_NUMBER, "carrier-no-such-number", False),
        (Reply(Stage.RECIPIENT, 552, "5.2.2"), Status.UNREACHABLE, "carrier-unreachable-number", False),
        (Reply(Stage.RECIPIENT, 554, "5.7.1"), Status.SPAM, "carrier-spam", False),
        (Reply(Stage.RECIPIENT, 550, "5.7.606"), Status.BLOCKED_NUMBER, "carrier-blocked-number", False),
        (Reply(Stage.CONTENT, 550, "5.7.26"), Status.OTHER, "carrier-sender-unverified", True),
        (Reply(Stage.CONTENT, 552), Status.OTHER, "carrier-message-wrong", False),
        (Reply(Stage.CONTENT, 554), Status.SPAM, "carrier-spam", False),
        (Reply(Stage.SENDER, 553, "5.1.8"), Status.OTHER, "carrier-sender-unknown", True),
        (Reply(Stage.SENDER, 530, "5.7.0"), Status.OTHER, "carrier-not-signed-in", True),
        (Reply(Stage.SIGN_IN, 535, "5.7.8"), Status.OTHER, "carrier-not-signed-in", True),
        (Reply(Stage.GREETING, 554), Status.OTHER, "carrier-refused", True),
    ],
)
def test_a_servers_no_has_a_meaning(reply: Reply, status: Status, code: str, elsewhere: bool) -> None:
    meaning = of_reply(reply)
    assert (meaning.status, meaning.code, meaning.elsewhere) == (status, code, elsewhere)
