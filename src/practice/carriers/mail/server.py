"""An SMTP server on loopback that takes every mail: STARTTLS and AUTH offered, demanded when the settings say so."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from practice.carriers.model import MailServer
from practice.hospital import Hospital

_MOST_BYTES = 2_000_000
_ANSWERS = {
    "error": "451 4.3.0 trouble switch: try again later",
    "busy": "450 4.2.1 trouble switch: too many",
    "refuse": "550 5.7.1 trouble switch: no",
}


class Taker:
    """Says of each command what the server thinks of it."""

    def __init__(self, house: Hospital) -> None:
        self._house = house

    @property
    def _wants(self) -> MailServer:
        return self._house.book.mail

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Who sends: encrypted and signed in, where that is demanded."""
        if self._wants.need_tls and not _encrypted(server, session):
            return "530 5.7.0 Must issue a STARTTLS command first"
        if self._wants.need_auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802, ARG002
        """To whom: `nobody@` is not there, and the box of `full@` is full."""
        name = address.partition("@")[0].lower()
        if name == "nobody":
            return "550 5.1.1 There is no such mailbox"
        if name == "full":
            return "452 4.2.2 The mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The mail itself, past the trouble switches and into the ledger."""
        switch = self._house.trouble.next("mail")
        line = {"kind": "mail", "method": "MAIL", "path": f"{len(envelope.rcpt_tos)} recipients", "client": str(session.auth_data or "")}
        answer = _ANSWERS.get({"throttle": "busy", "forbid": "refuse"}.get(switch.mode, switch.mode), "")
        if switch.mode in {"slow", "hang"}:
            await asyncio.sleep(switch.seconds)
        if answer or switch.mode == "hang":
            self._house.ledger.append({**line, "status": int(answer[:3] or 0), "outcome": "trouble", "trouble": switch.mode}, safe=False)
            return answer or _hang_up(server)
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = self._house.mailbox.put(
            envelope.mail_from or "", list(envelope.rcpt_tos), raw, user=line["client"], secure=_encrypted(server, session)
        )
        facts = {"trouble": switch.mode} if switch.mode != "off" else {}
        self._house.ledger.append({**line, "status": 250, "outcome": "ok", "message_id": mail.message_id, **facts}, safe=False)
        if switch.mode == "late":
            await asyncio.sleep(switch.seconds)
        return _hang_up(server) if switch.mode == "lost" else f"250 2.0.0 Kept as {mail.id}"

    def sign_in(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:  # noqa: ARG002
        """Whether a name and its password are the ones of the settings."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        good = (data.login.decode("utf-8", "replace"), data.password.decode("utf-8", "replace")) == (self._wants.user, self._wants.password)
        return AuthResult(success=good, handled=False, auth_data=self._wants.user)


def _encrypted(server: SMTP, session: Session) -> bool:
    return session.ssl is not None or (server.transport is not None and server.transport.get_extra_info("ssl_object") is not None)


def _hang_up(server: SMTP) -> str:
    if server.transport is not None:
        cast("asyncio.Transport", server.transport).abort()  # a socket's, which can
    return "421 4.3.2 Closing"


class MailDoor:
    """The listening sockets: one with STARTTLS, one with TLS from the first byte."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self._context = _certificate(folder / "mail.pem")
        self._servers: list[asyncio.Server] = []
        self.port = self.tls_port = 0

    async def open(self, house: Hospital, port: int) -> None:
        """Answer on loopback."""
        taker, loop = Taker(house), asyncio.get_running_loop()

        def plain() -> SMTP:
            return SMTP(taker, tls_context=self._context, **_HABITS, authenticator=taker.sign_in, loop=loop)

        def secure() -> SMTP:
            return SMTP(taker, **_HABITS, authenticator=taker.sign_in, loop=loop)

        first = await loop.create_server(plain, "127.0.0.1", port)
        second = await loop.create_server(secure, "127.0.0.1", 0, ssl=self._context)
        self._servers = [first, second]
        self.port, self.tls_port = (int(one.sockets[0].getsockname()[1]) for one in self._servers)

    async def close(self) -> None:
        """Answer no more."""
        for server in self._servers:
            server.close()


_HABITS: dict[str, Any] = {
    "hostname": "localhost",
    "ident": "Eastmere mail",
    "data_size_limit": _MOST_BYTES,
    "enable_SMTPUTF8": True,
    "auth_require_tls": False,
    "timeout": 60,
}


def _certificate(where: Path) -> tuple[str, ssl.SSLContext]:
    """A certificate for localhost, signed by itself, made anew at each start."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    where.touch(mode=0o600)
    where.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where)
    return public.decode(), context
