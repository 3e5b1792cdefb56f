"""Reading acknowledgements: MSA-1 and MSA-2, and what ERR or MSA-3 says besides."""

from __future__ import annotations

from dataclasses import dataclass

ACCEPTED = {"AA", "CA"}
REFUSED = {"AE", "AR", "CE", "CR"}


class NoAck(Exception):
    """What came back is no acknowledgement of what was sent."""


@dataclass(frozen=True)
class Ack:
    """An acknowledgement; `why` is its own explanation, for people."""

    code: str
    control: str
    why: str


def read_ack(raw: bytes, control: str) -> Ack:
    """The acknowledgement of one message.

    Raises:
        NoAck: when it is none, or one of another message.
    """
    segments = [line.split("|") for line in raw.decode("utf-8", "replace").replace("\n", "\r").split("\r") if line.strip()]
    msa = next((fields for fields in segments if fields[0] == "MSA"), None)
    if not segments or segments[0][0] != "MSH" or msa is None:
        raise NoAck("the answer has no MSH or no MSA")
    code, about, said = (*msa[1:4], "", "", "")[:3]
    if code not in ACCEPTED | REFUSED:
        raise NoAck(f"the answer's code is {code[:10]!r}")
    unread = code in {"AR", "CR"} and not about  # of a message so wrong that its id could not be read
    if about != control and not unread:
        raise NoAck(f"the answer is to {about[:40]!r}, not to {control!r}")
    err = next((fields for fields in segments if fields[0] == "ERR"), [])
    why = " ".join(filter(None, (said, *(part for part in err[1:] if part))))
    return Ack(code, control, why[:300])
