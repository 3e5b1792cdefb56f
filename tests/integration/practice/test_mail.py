"""The mail server, driven by the product's own kind of client, and the page that shows what it took."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest

from practice.server import Running
from support.practice_app import App

ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
METHOD:{method}\r
BEGIN:VTIMEZONE\r
TZID:America/Chicago\r
BEGIN:STANDARD\r
DTSTART:19701101T020000\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:visit-7@vestibule\r
SEQUENCE:2\r
DTSTART;TZID="America/Chicago":20261122T093000\r
DTEND:20261122T160000Z\r
SUMMARY:Video visit\\, Alder\r
  Clinic\r
URL:http://127.0.0.1:8080/v/abc\r
BEGIN:VALARM\r
SUMMARY:not this\r
END:VALARM\r
END:VEVENT\r
END:VCALENDAR\r
"""


def letter(method: str = "REQUEST", **headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "Alder <visits@alder.example>", "To": "maria@example.org", "Subject": "Your visit, ñ", **headers}.items():
        made[name.replace("_", "-")] = value
    made.set_content("Join: http://127.0.0.1:8080/v/abc. <script>alert(1)</script>")
    made.add_alternative("<p>Join</p>", subtype="html")
    made.add_attachment(ICS.format(method=method).encode(), maintype="text", subtype="calendar", filename="visit.ics")
    return made


async def post(hospital: Running, message: EmailMessage | None = None, **more: Any) -> Any:
    trust = ssl.create_default_context(cadata=hospital.mail.certificate)
    wanted: dict[str, Any] = {"hostname": "localhost", "port": hospital.mail.port, "tls_context": trust, "timeout": 5, **more}
    return await aiosmtplib.send(message or letter(), **wanted)


async def test_a_mail_is_kept_and_its_appointment_is_a_card(app: App, hospital: Running) -> None:
    await post(hospital, start_tls=True, username="eastmere", password="practice")
    mail = hospital.hospital.mailbox.mails[0]
    assert (mail.subject, mail.recipients, mail.user, mail.secure) == ("Your visit, ñ", ["maria@example.org"], "eastmere", True)
    event = mail.events[0]
    assert (event.starts, event.ends) == ("2026-11-22T15:30:00Z", "2026-11-22T16:00:00Z")
    assert (event.summary, event.uid, event.sequence, event.method, event.cancelled) == (
        "Video visit, Alder Clinic",
        "visit-7@vestibule",
        2,
        "REQUEST",
        False,
    )
    page = (await app.ask("GET", "/mailbox/1")).text
    assert '<a href="http://127.0.0.1:8080/v/abc" target="_blank" rel="noopener">' in page
    assert "Video visit, Alder Clinic" in page
    assert "<script>alert" not in page
    assert "BEGIN:VCALENDAR" not in page
    assert (await app.ask("GET", "/mailbox/1/raw")).headers["Content-Type"].startswith("text/plain")
    assert "Your visit" in (await app.ask("GET", "/mailbox")).text
    assert (await app.ask("GET", "/mailbox/2")).status == 404
    assert (await app.ask("GET", "/mailbox/2/raw")).status == 404
    assert [one["id"] for one in (await app.ask("GET", "/carriers/ledger")).json["mails"]] == [1]


async def test_a_cancellation_is_shown_as_one(app: App, hospital: Running) -> None:
    await post(hospital, letter("CANCEL"), start_tls=False)
    assert hospital.hospital.mailbox.mails[0].events[0].cancelled
    assert "Cancelled" in (await app.ask("GET", "/mailbox/1")).text


async def test_tls_from_the_first_byte_has_a_port_of_its_own(hospital: Running) -> None:
    await post(hospital, use_tls=True, port=hospital.mail.tls_port)
    assert hospital.hospital.mailbox.mails[0].secure


@pytest.mark.parametrize(
    ("demand", "given", "code"),
    [
        ({"need_tls": True}, {"start_tls": False}, 530),
        ({"need_auth": True}, {"start_tls": True}, 530),
        ({"need_auth": True}, {"start_tls": True, "username": "eastmere", "password": "wrong"}, 535),
    ],
    ids=str,
)
async def test_what_is_demanded_is_refused_without(hospital: Running, demand: dict[str, Any], given: dict[str, Any], code: int) -> None:
    hospital.setup(mail=demand)
    with pytest.raises(aiosmtplib.SMTPResponseException) as caught:
        await post(hospital, **given)
    assert caught.value.code == code
    assert hospital.hospital.mailbox.mails == []


@pytest.mark.parametrize(("to", "code"), [("nobody@example.org", 550), ("full@example.org", 452)])
async def test_a_recipient_may_not_be_there(hospital: Running, to: str, code: int) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await post(hospital, letter(To=to), start_tls=False)
    assert caught.value.recipients[0].code == code


@pytest.mark.parametrize(
    ("mode", "code", "kept"),
    [("error", 451, 0), ("busy", 450, 0), ("throttle", 450, 0), ("refuse", 550, 0), ("slow", 0, 1), ("late", 0, 1)],
)
async def test_trouble_with_mail(hospital: Running, mode: str, code: int, kept: int) -> None:
    hospital.setup(trouble={"mail": {"mode": mode, "seconds": 0, "times": 1}})
    if code:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await post(hospital, start_tls=False)
        assert caught.value.code == code
    else:
        await post(hospital, start_tls=False)
    assert len(hospital.hospital.mailbox.mails) == kept
    assert len(hospital.ledger("mail")) == 1


@pytest.mark.parametrize(("mode", "kept"), [("lost", 1), ("hang", 0)])
async def test_an_answer_that_never_comes_leaves_the_sender_in_doubt(hospital: Running, mode: str, kept: int) -> None:
    hospital.setup(trouble={"mail": {"mode": mode, "seconds": 0, "times": 1}})
    with pytest.raises((aiosmtplib.SMTPException, OSError)):
        await post(hospital, start_tls=False)
    assert len(hospital.hospital.mailbox.mails) == kept


async def test_a_mail_without_any_sense_is_kept_all_the_same(app: App, hospital: Running) -> None:
    raw = b"Subject: =?utf-8?q?=FF?=\r\nContent-Type: text/calendar; charset=nothing\r\n\r\nBEGIN:VEVENT\r\nDTSTART:never\r\nEND:VEVENT\r\n"
    for body in (raw, b"", b"\xff\xfe\x00", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n"):
        hospital.hospital.mailbox.put("a@example.org", ["b@example.org"], body, user="", secure=False)
    for mail in hospital.hospital.mailbox.mails:
        assert (await app.ask("GET", f"/mailbox/{mail.id}")).status == 200
