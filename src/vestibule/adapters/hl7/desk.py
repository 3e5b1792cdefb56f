"""What every connection of this process shares: the inbox behind it, its limits, and the counts of what happens."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vestibule.adapters.hl7.answering import Answers
from vestibule.errors import VestibuleError
from vestibule.feed.model import Received, Sender, Verdict, Via, name_of
from vestibule.feed.ports import Inbox, Refusals
from vestibule.kit.clock import Clock
from vestibule.platform.telemetry.metrics import FEED_RECEIVED
from vestibule.protocols.hl7v2 import Header


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and for how long.

    Attributes:
        message_bytes: of one message.
        held_bytes: of messages that have begun and not ended, on all connections together.
        unanswered: messages of one connection that wait for their answer before no more are read.
        connections: at once, of each kind.
        each_address: of these, from one address.
        handshake: seconds for TLS.
        patience: seconds for a message from its first byte, and for answers to be read; each 64 kB that came adds one.
        idle: seconds of silence after which a connection is closed.
        hold: seconds that an HTTPS request waits for the database.
    """

    message_bytes: int = 10_000_000
    held_bytes: int = 32_000_000
    unanswered: int = 200
    connections: int = 1_000
    each_address: int = 500
    handshake: float = 10.0
    patience: float = 15.0
    idle: float = 3_600.0
    hold: float = 60.0

    def allowed(self, size: int) -> float:
        """Seconds in which so many bytes of a message must have come."""
        return self.patience + size / _BYTES_A_SECOND


_BYTES_A_SECOND: Final = 65_536


class Desk:
    """Takes messages from connections of any kind."""

    def __init__(self, inbox: Inbox, refusals: Refusals, clock: Clock, limits: Limits) -> None:
        """Say what stands behind it."""
        self.inbox = inbox
        self.refusals = refusals
        self.answers = Answers(clock)
        self.limits = limits
        self.held = 0  # bytes of messages that have begun and not ended
        self._counts = {via: {word: FEED_RECEIVED.labels(via.value, word) for word in _WORDS} for via in Via}

    def take(self, body: bytes, head: Header, sender: Sender, via: Via) -> Future[Verdict]:
        """Hand a message to the inbox; raises what the inbox raises."""
        name = name_of(sender, head.at(3), head.at(4), head.control_id)
        return self.inbox.take(Received(sender, via, head.control_id, name, body))

    def hand(
        self, body: bytes, control_id: str, name: bytes, sender: Sender, via: Via, tell: Callable[[Verdict | VestibuleError], None]
    ) -> None:
        """The same for a connection that has very many: see `Inbox.hand`."""
        self.inbox.hand(Received(sender, via, control_id, name, body), tell)

    def count(self, via: Via, word: str) -> None:
        """One more message of which this became."""
        self._counts[via][word].inc()


_WORDS: Final = (*Verdict, "refused", "failed")
