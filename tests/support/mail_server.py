"""A mail server on loopback that says what a test wants at each step of a conversation, and keeps the letters it was given."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from support.answering import answering

HANG_UP = "hang up"
_USUAL = {
    "GREETING": "220 mail.alder.test ready",
    "EHLO": "250-mail.alder.test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "CONTENT": "250 2.0.0 taken",
    "QUIT": "221 2.0.0 bye",
    "STARTTLS": "220 go ahead",
}


@dataclass
class MailServer:
    """What it says by command, what it heard, and the letters it was given."""

    says: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    port: int = 0
    commands: list[str] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    async def _say(self, writer: asyncio.StreamWriter, step: str) -> bool:
        """False when the conversation is over."""
        words = {**_USUAL, **self.says}[step]
        if words == HANG_UP:
            return False
        writer.write(words.encode() + b"\r\n")
        await writer.drain()
        return words[0] in "23"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            if await self._say(writer, "GREETING"):
                await self._listen(reader, writer)
        writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            verb = line.split()[0].decode().upper()
            self.commands.append(line.decode().strip())
            if verb == "AUTH":
                self.secrets.append(base64.b64decode(line.split()[2]).decode())
            going = await self._say(writer, verb)
            if going and verb == "STARTTLS":
                await writer.start_tls(self.tls)  # type: ignore[arg-type]
            elif going and verb == "DATA":
                self.letters.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                going = await self._say(writer, "CONTENT")
            if verb == "QUIT" or (not going and self.says.get(verb, self.says.get("CONTENT")) == HANG_UP):
                return


def _with(ehlo: str, keyword: str) -> str:
    return ehlo.replace("250 ", "250-") + f"\r\n250 {keyword}"


@asynccontextmanager
async def mail_server(
    says: Mapping[str, str] | None = None,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    sign_in: bool = False,
) -> AsyncIterator[MailServer]:
    """One on a free port; `starttls` and `tls` are the two ways of being safe."""
    words = dict(says or {})
    if sign_in:
        words.setdefault(
            "EHLO", _with(_with(_USUAL["EHLO"], "AUTH PLAIN"), "STARTTLS") if starttls else _with(_USUAL["EHLO"], "AUTH PLAIN")
        )
    server = MailServer(words, starttls)
    async with answering(server.serve, tls) as server.port:
        yield server
