"""How the interface engine is set up, and a message that waits in its queue or has been answered. Plain msgspec structs."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Word = Annotated[str, Meta(max_length=200)]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.\-:]{1,253}$")]
Port = Annotated[int, Meta(ge=1, le=65535)]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^(https?://[^\s]+)?$")]

Transport = Literal["mllp", "mllps", "https"]
Shape = Literal["epic", "2.5.1"]
Mode = Literal["original", "enhanced"]
Signature = Literal["none", "cms", "jws"]
Charset = Literal["utf-8", "latin-1", "utf-16"]
State = Literal["queued", "sending", "accepted", "refused"]
Trick = Literal["", "bytes", "half", "hang-up"]

TRICKS: dict[Trick, str] = {
    "": "as they should be",
    "bytes": "one byte at a time",
    "half": "half of it, then hang up, then again",
    "hang-up": "hang up before the acknowledgement is read, then again",
}


class Interface(Struct, kw_only=True):
    """Where and how appointments are told.

    Attributes:
        entered: somebody entered where to send to.
        on: changes of the schedule become messages.
        held: messages wait until somebody lets them go.
        trust: the receiver's certificate or its authority's, PEM; empty means this machine's authorities.
        with_certificate: our own certificate is shown when a TLS connection asks for one.
        shape: `epic` is version 2.3 as Epic's outgoing interface is published; `2.5.1` has TQ1 and times with their zone.
        mode: `enhanced` asks for an accept acknowledgement (MSH-15 AL, MSH-16 NE), `original` for nothing and expects AA.
        charset: in which messages leave; `latin-1` and `utf-16` are said in MSH-18, `utf-8` is not.
        trick: what is done to every message's bytes.
        ack_seconds: after so long without an acknowledgement a message counts as lost and is sent again.
        retry_seconds: how long after the first failure, and doubled after each further one.
        lanes: connections at once; messages of one appointment are never on two of them.
    """

    entered: bool = False
    on: bool = False
    held: bool = False
    transport: Transport = "mllp"
    host: Host = "127.0.0.1"
    port: Port = 2575
    url: Url = ""
    trust: Annotated[str, Meta(max_length=40_000)] = ""
    with_certificate: bool = True
    signature: Signature = "none"
    shape: Shape = "epic"
    mode: Mode = "original"
    charset: Charset = "utf-8"
    application: Word = "SCHED"
    facility: Word = "EASTMERE"
    receiver: Word = "VESTIBULE"
    trick: Trick = ""
    ack_seconds: Annotated[float, Meta(ge=0.05, le=120)] = 10
    retry_seconds: Annotated[float, Meta(ge=0.01, le=600)] = 2
    lanes: Annotated[int, Meta(ge=1, le=64)] = 1

    @property
    def where(self) -> str:
        """For people: the address it sends to."""
        return self.url if self.transport == "https" else f"{self.transport}://{self.host}:{self.port}"


class Queued(Struct, kw_only=True):
    """One message.

    Attributes:
        number: in the queue; never used twice.
        control: MSH-10. A message that is sent again, or with another body, keeps it.
        event: `S12`, or `garbage`.
        text: the message with CR between its segments.
        made, done: instants, as in the ledger.
        pushed: sent although the queue is held or an earlier message of the appointment waits.
        after: not before this time (seconds since 1970).
    """

    number: int
    control: str
    event: str
    csn: str
    text: str
    made: str
    state: State = "queued"
    tries: int = 0
    ack: str = ""
    why: str = ""
    done: str = ""
    pushed: bool = False
    trick: Trick = ""
    charset: Charset = "utf-8"
    after: float = 0

    @property
    def over(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in {"accepted", "refused"}

    @property
    def body(self) -> bytes:
        """As it leaves. A character that its charset does not have becomes `?`."""
        return self.text.encode("utf-16" if self.charset == "utf-16" else self.charset, "replace")
