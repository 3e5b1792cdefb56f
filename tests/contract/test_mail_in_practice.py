"""E-mail over a real server that wants TLS and a sign-in, read back as a mailbox shows it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from practice.server import Running, start
from support.carriers import MAIL, MESSAGE, account, message
from vestibule.adapters.carriers.smtp import Smtp
from vestibule.errors import Unavailable
from vestibule.kit.clock import SystemClock
from vestibule.messages.model import Accepted, Account, Calendar, CarrierKind, Refused, Status
from vestibule.platform.mail import Mail

AT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
VISIT = Calendar("visit-7@alder.test", 2, AT, AT + timedelta(minutes=30), "Video visit, Alder; at ten", "https://v.alder.test/j/abc")


class Sender:
    """Our adapter, and the server it uses."""

    def __init__(self, hospital: Running) -> None:
        self.hospital = hospital
        trust = ssl.create_default_context(cadata=hospital.mail.certificate)
        self.carrier = Smtp(Mail(allow_loopback=True, trust=trust), SystemClock())
        at = f"localhost:{hospital.mail.port}"
        self.account: Account = account(CarrierKind.SMTP, endpoint=at, user="eastmere", secret="practice", settings={"tls": "starttls"})

    async def send(self, **more: object) -> Accepted | Refused:
        return await self.carrier.send(self.account, message(self.account, email=True, **more))


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    hospital = await start()
    yield Sender(hospital)
    await hospital.stop()


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
async def test_a_letter_and_its_appointment_arrive(sender: Sender, tls: str) -> None:
    port = sender.hospital.mail.tls_port if tls == "implicit" else sender.hospital.mail.port
    sender.account = replace(sender.account, endpoint=f"localhost:{port}", settings={"tls": tls}, user="" if tls == "none" else "eastmere")
    answer = await sender.send(text="Vuestra visita: ñ 진료 看診", subject="Su visita ñ", calendar=VISIT)
    assert answer == Accepted(f"<{MESSAGE}@alder.test>", final=True)
    (mail,) = sender.hospital.hospital.mailbox.mails
    assert (mail.sender, mail.recipients, mail.subject) == ("visits@alder.test", [MAIL], "Su visita ñ")
    assert (mail.secure, bool(mail.user)) == (tls != "none", tls != "none")
    assert mail.text.strip() == "Vuestra visita: ñ 진료 看診"
    (event,) = mail.events
    assert (event.method, event.uid, event.sequence) == ("REQUEST", VISIT.uid, 2)
    assert (event.summary, event.url) == (VISIT.summary, VISIT.url)
    assert [datetime.fromisoformat(moment) for moment in (event.starts, event.ends)] == [VISIT.starts_at, VISIT.ends_at]


async def test_a_cancelled_appointment_is_called_off(sender: Sender) -> None:
    await sender.send(calendar=replace(VISIT, sequence=3, cancelled=True))
    (event,) = sender.hospital.hospital.mailbox.mails[0].events
    assert (event.cancelled, event.uid, event.sequence) == (True, VISIT.uid, 3)


async def test_what_the_server_says_has_its_meaning(sender: Sender) -> None:
    assert await sender.send(to="nobody@example.org") == Refused(Status.NO_SUCH_NUMBER, "carrier-no-such-number")
    with pytest.raises(Unavailable):
        await sender.send(to="full@example.org")
    sender.account = replace(sender.account, user="", secret="")
    sender.hospital.setup(mail={"need_auth": True})
    assert await sender.send() == Refused(Status.OTHER, "carrier-not-signed-in", elsewhere=True)
    assert sender.hospital.hospital.mailbox.mails == []
