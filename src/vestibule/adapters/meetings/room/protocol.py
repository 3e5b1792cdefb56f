"""What browsers and the server say to each other on `/s/{sid}/signal`, and the judgement of size and rate. Pure.

One JSON object a message, its kind in `t`. The shapes are closed: an unknown kind, field or type is refused, never guessed at.
docs/explain/room.md tells the story they make together.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

MAX_MESSAGE: Final = 64 * 1024
MAX_PEOPLE: Final = 4

# RFC 6455 7.4.1 and the IANA registry: 1008 policy violation, 1009 message too big, 1013 try again later.
CLOSE_BYE: Final = 1000
CLOSE_POLICY: Final = 1008
CLOSE_TOO_BIG: Final = 1009
CLOSE_LATER: Final = 1013
# 4000-4999 are the application's own. A browser does not come back after these two.
CLOSE_OVER: Final = 4001
CLOSE_FULL: Final = 4003
# Somebody reconnected before we noticed that their former line was dead.
CLOSE_REPLACED: Final = 4009

Window = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
PeerId = Annotated[str, Meta(pattern=r"^[a-f0-9]{24}$")]
Why = Literal["ended", "put_back", "held", "removed", "left", "full", "not_admitted"]


class Description(Struct, forbid_unknown_fields=True):
    """RTCSessionDescriptionInit (W3C WebRTC 4.7)."""

    type: Literal["offer", "answer", "pranswer", "rollback"]
    sdp: Annotated[str, Meta(max_length=40_000)] = ""


class Candidate(Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """RTCIceCandidateInit (W3C WebRTC 4.8.1); spelt as browsers spell it."""

    candidate: Annotated[str, Meta(max_length=2_000)]
    sdp_mid: Annotated[str, Meta(max_length=64)] | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    username_fragment: Annotated[str, Meta(max_length=256)] | None = None


class Join(Struct, tag_field="t", tag="join", forbid_unknown_fields=True):
    """The first message. `window` is a random name the page gave itself, so that a reconnect is known from a second window.

    `watch` asks for no seat: the page only wants to know whether the person sits in another of their windows.
    """

    token: Annotated[str, Meta(max_length=256)]
    window: Window
    watch: bool = False


class Signal(Struct, tag_field="t", tag="signal", forbid_unknown_fields=True, omit_defaults=True):
    """A description or a candidate for one other person."""

    to: PeerId
    description: Description | None = None
    candidate: Candidate | None = None


class Leave(Struct, tag_field="t", tag="leave", forbid_unknown_fields=True):
    """The person pressed Leave: no grace is owed."""


class Ping(Struct, tag_field="t", tag="ping", forbid_unknown_fields=True):
    """The page lives. A browser cannot send WebSocket pings, and a phone that lost its network sends no goodbye."""


Inbound = Join | Signal | Leave | Ping


class Person(Struct):
    """Somebody with a seat, as the others see them. `gen` grows with each reconnect, so that lost offers are sent again."""

    peer: str
    who: str
    name: str
    role: str
    gen: int


class Welcome(Struct, tag_field="t", tag="welcome"):
    """The answer to Join: who you are, and who sits here already."""

    peer: str
    people: list[Person]
    watch: bool = False
    elsewhere: bool = False


class Roster(Struct, tag_field="t", tag="roster"):
    """Everyone with a seat, told whenever that changes. It is the whole truth, so a lost one is healed by the next."""

    people: list[Person]
    elsewhere: bool = False


class Signalled(Struct, tag_field="t", tag="signal", omit_defaults=True):
    """A Signal as it arrives; `origin` is filled in by the server and can not be forged."""

    origin: str = msgspec.field(name="from")
    description: Description | None = None
    candidate: Candidate | None = None


class Over(Struct, tag_field="t", tag="over"):
    """It ends here, and why; the socket closes after it."""

    why: Why


class Pong(Struct, tag_field="t", tag="pong"):
    """Answer to Ping."""


Outbound = Welcome | Roster | Signalled | Over | Pong


class Refused(Exception):
    """A message that ends its socket: the close code, and a short reason without any of the message's content."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_decoder: msgspec.json.Decoder[Inbound] = msgspec.json.Decoder(Inbound)
_encoder = msgspec.json.Encoder()


def read(raw: str | bytes) -> Inbound:
    """One message from a browser; raises Refused."""
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", "surrogatepass"))
    if size > MAX_MESSAGE:
        raise Refused(CLOSE_TOO_BIG, "message-too-big")
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused(CLOSE_POLICY, "message-not-understood") from None


def write(message: Outbound) -> bytes:
    """One message to a browser."""
    return _encoder.encode(message)


class Allowance:
    """Two token buckets for one socket: messages and bytes. A call's start is a burst (offers, candidates); a flood is not.

    Three peers' offers with 30 candidates each are some 100 messages of well under 100 kB in all.
    """

    MESSAGES = 200.0
    MESSAGES_PER_SECOND = 20.0
    BYTES = 512 * 1024.0
    BYTES_PER_SECOND = 64 * 1024.0

    __slots__ = ("_at", "_bytes", "_messages")

    def __init__(self, now: float) -> None:
        self._at = now
        self._messages = self.MESSAGES
        self._bytes = self.BYTES

    def take(self, now: float, size: int) -> None:
        """Count one message of that size; raises Refused when it is too many or too much."""
        past = max(0.0, now - self._at)
        self._at = max(self._at, now)
        self._messages = min(self.MESSAGES, self._messages + past * self.MESSAGES_PER_SECOND) - 1
        self._bytes = min(self.BYTES, self._bytes + past * self.BYTES_PER_SECOND) - size
        if self._messages < 0 or self._bytes < 0:
            raise Refused(CLOSE_POLICY, "too-many-messages")
