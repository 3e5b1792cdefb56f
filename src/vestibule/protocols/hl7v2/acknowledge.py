"""Answering a message (HL7 v2.9 2.9.2 original mode, 2.9.3 enhanced mode; MSA 2.13.8, ERR 2.13.5, table 0155, 0008, 0357)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from vestibule.protocols.hl7v2.header import Header
from vestibule.protocols.hl7v2.message import clean, delimiters

_USUAL = delimiters("|", "^~\\&")
_ERR_IS_NEW = (2, 5)


class Ack(StrEnum):
    """MSA-1 (table 0008): of the application, or of acceptance alone."""

    AA = "AA"
    AE = "AE"
    AR = "AR"
    CA = "CA"
    CE = "CE"
    CR = "CR"


class Outcome(StrEnum):
    """What became of a message.

    `ok`: committed. `error`: not taken now, or not in this form. `reject`: none that is taken here at all; sending it again is no use.
    """

    OK = "ok"
    ERROR = "error"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was wrong, for ERR.

    Attributes:
        code: ours, kebab-case.
        sentence: without anything of a patient.
        segment, field: where it stands, e.g. `MSH` and 10; empty for nowhere in particular.
    """

    code: str
    sentence: str
    segment: str = ""
    field: int = 0


_APPLICATION = {Outcome.OK: Ack.AA, Outcome.ERROR: Ack.AE, Outcome.REJECT: Ack.AR}
_ACCEPT = {Outcome.OK: Ack.CA, Outcome.ERROR: Ack.CE, Outcome.REJECT: Ack.CR}
_WANTED = {"NE": (), "ER": (Outcome.ERROR, Outcome.REJECT), "SU": (Outcome.OK,), "": ()}
_CONDITIONS = {
    "hl7-no-header": ("100", "Segment sequence error"),
    "hl7-no-appointment": ("100", "Segment sequence error"),
    "hl7-control-id": ("101", "Required field missing"),
    "hl7-delimiters": ("102", "Data type error"),
    "hl7-time": ("102", "Data type error"),
    "hl7-charset": ("102", "Data type error"),
    "hl7-type": ("200", "Unsupported message type"),
    "hl7-event": ("201", "Unsupported event code"),
    "hl7-control-id-reused": ("205", "Duplicate key identifier"),
}
_INTERNAL = ("207", "Application internal error")


def answers(header: Header, outcome: Outcome) -> tuple[Ack, ...]:
    """The acknowledgements that are to be sent, in their order; none when the sender wants none.

    In original mode, one of the application. In enhanced mode MSH-15 says when the acceptance, MSH-16 when the application is to be
    told of (AL always, NE never, ER when it failed, SU when it succeeded; what is none of these means always, so that nobody waits in
    vain). A message that was not accepted is refused once: the application never saw it. For us both are the same moment, the commit.
    """
    if not header.enhanced:
        return (_APPLICATION[outcome],)
    accept = (_ACCEPT[outcome],) if _wanted(header.accept, outcome) else ()
    application = (_APPLICATION[outcome],) if _wanted(header.application, outcome) else ()
    return accept if accept and outcome is not Outcome.OK else accept + application


def _wanted(condition: str, outcome: Outcome) -> bool:
    return outcome in _WANTED.get(condition, tuple(Outcome))


def acknowledge(header: Header, code: Ack, *, at: datetime, control_id: str, complaint: Complaint | None = None) -> bytes:
    """An acknowledgement in the sender's delimiters, character set and version, ready to be framed.

    Args:
        header: of the message that is answered, whatever could be read of it.
        code: see `answers`.
        at: when it is answered; aware.
        control_id: of the acknowledgement itself, at most 20 characters.
        complaint: what was wrong, unless it is AA or CA.
    """
    readable = header.problem not in {"hl7-no-header", "hl7-delimiters"}
    signs = header.signs if readable else _USUAL
    at_field = header.at if readable else lambda _: ""
    sep = signs.field
    version = _version(header.version)
    kind = ["ACK", *([header.event] if header.event else []), *(["ACK"] if header.event and version >= _ERR_IS_NEW else [])]
    encoding = (header.fields[1] if readable else "") or "^~\\&"
    head = ["MSH", encoding, at_field(5), at_field(6), at_field(3), at_field(4), at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000"), ""]
    head += [signs.component.join(kind), control_id, at_field(11) or "P", at_field(12) or "2.5"]
    if at_field(18):
        head += ["", "", "", "", "", at_field(18)]
    sentence = signs.escaped(complaint.sentence) if complaint else ""
    echo = at_field(10) if readable else signs.escaped(header.control_id)
    lines = [sep.join(head), sep.join(["MSA", code.value, echo, *([sentence] if sentence else [])])]
    if complaint:
        lines.append(sep.join(_err(complaint, sentence, signs.component or "^", signs.subcomponent or "&", new=version >= _ERR_IS_NEW)))
    text = "".join(clean(line) + "\r" for line in lines)
    return header.mark + text.encode(header.codec, "surrogateescape" if header.codec == "utf-8" else "replace")


def _err(complaint: Complaint, sentence: str, component: str, sub: str, *, new: bool) -> list[str]:
    """ERR: until 2.4 one field, location and code (ERR-1); since 2.5 location, code, severity, our own code, the sentence (ERR-2 to 8)."""
    number, text = _CONDITIONS.get(complaint.code, _INTERNAL)
    place = [complaint.segment, "1", str(complaint.field) if complaint.field else ""] if complaint.segment else []
    if not new:
        return ["ERR", component.join([*(place or ["", "", ""]), sub.join([number, text, "HL70357"])])]
    return ["ERR", "", component.join(place), component.join([number, text, "HL70357"]), "E", complaint.code, "", "", sentence]


def _version(written: str) -> tuple[int, int]:
    major, _, rest = written.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else _ERR_IS_NEW
