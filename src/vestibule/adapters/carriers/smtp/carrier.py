"""E-mail by SMTP. No receipt follows: a server that has taken a letter answers for it, and bounces go to the sender's mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from vestibule.adapters.carriers.meaning import (
    CHECK,
    INVALID,
    MISCONFIGURED,
    SEND,
    SENDER_UNKNOWN,
    busy,
    forged,
    lost,
    not_signed_in,
    unavailable,
    unreachable,
)
from vestibule.adapters.carriers.smtp.codes import of_reply
from vestibule.adapters.carriers.smtp.letter import is_address, letter, message_id
from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.messages.model import Accepted, Account, Outgoing, Refused
from vestibule.messages.ports import Hook, HookAnswer
from vestibule.platform.mail import NEVER_SENT, Reply, Server, Tls

_PORTS: Final = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}
_SERVER: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_SLOWER: Final = frozenset({"4.7.28", "4.7.0", "4.3.2"})  # rates and systems that take nothing just now


class Post(Protocol):
    """The outbound door for mail, as an adapter needs it."""

    async def deliver(self, server: Server, sender: str, recipient: str, content: bytes, *, phase: str, timeout: float = ...) -> Reply:
        """Give the server one letter."""
        ...

    async def knock(self, server: Server, *, phase: str, timeout: float = ...) -> Reply:
        """Sign in and go."""
        ...


@dataclass(frozen=True, slots=True)
class Smtp:
    """The port `Carrier` for mail servers.

    Attributes:
        outside: the outbound door for mail.
    """

    outside: Post
    clock: Clock

    @property
    def answers_keywords(self) -> bool:
        """Nobody reads what patients answer."""
        return False

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        """Give the letter to the account's server."""
        server = server_of(account)
        if server is None:
            return MISCONFIGURED.refused()
        if not is_address(message.sender.address):
            return SENDER_UNKNOWN.refused()
        if not is_address(message.to):
            return INVALID.refused()
        content = letter(message, self.clock.now())
        try:
            reply = await self.outside.deliver(server, message.sender.address, message.to, content, phase=SEND)
        except NotAllowed:
            return MISCONFIGURED.refused()
        except OutsideFailed as error:
            raise (unreachable() if error.code in NEVER_SENT else lost()) from error
        return _judged(reply, message)

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:  # noqa: ARG002  nobody proves anything here
        """Mail servers send none: whoever asks is no carrier."""
        raise forged()

    async def check(self, account: Account) -> None:
        """Sign in and go."""
        server = server_of(account)
        if server is None:
            raise not_signed_in(MISCONFIGURED)
        try:
            reply = await self.outside.knock(server, phase=CHECK)
        except OutsideFailed as error:
            raise unreachable(phase=CHECK) from error
        except VestibuleError as error:
            raise not_signed_in(MISCONFIGURED) from error
        if reply.temporary:
            raise unavailable(phase=CHECK)
        if not reply.ok:
            raise not_signed_in(of_reply(reply))


def server_of(account: Account) -> Server | None:
    """The account's server; None when its address or its kind of TLS is none."""
    found = _SERVER.fullmatch(account.endpoint.strip())
    try:
        tls = Tls(str(account.settings.get("tls", Tls.STARTTLS.value)))
    except ValueError:
        return None
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else _PORTS[tls]
    return Server(found["host"].strip("[]"), port, tls, account.user, account.secret)


def _judged(reply: Reply, message: Outgoing) -> Accepted | Refused:
    if reply.ok:
        return Accepted(message_id(message), final=True)
    if not reply.temporary:
        return of_reply(reply).refused()
    raise busy(None) if reply.enhanced in _SLOWER else unavailable()
