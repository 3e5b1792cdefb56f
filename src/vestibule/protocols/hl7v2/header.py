"""What an acknowledgement needs of a message: MSH alone, read from nearly anything (HL7 v2.9 2.9.2.2, 2.13.9).

What cannot be understood has to be refused by its name where it has one, so nothing is refused here: `problem` says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2.charset import codec_named, marked
from vestibule.protocols.hl7v2.message import Delimiters, clean, declared_charset, delimiters, header_at

_MOST = 4096
_GLANCE = 512
_NUMBERED = 10  # fields that a line with MSH-10 has
_USUAL = delimiters("|", "^~\\&")
_STAMP, _CONTROL_ID, _VERSION, _CHARSET = 6, 9, 11, 17  # MSH-1 is the sign between fields, so MSH-n stands at n - 1


@dataclass(frozen=True, slots=True)
class Header:
    """MSH as far as it could be read.

    Attributes:
        control_id: MSH-10, without control characters; empty for none.
        type, event: MSH-9.1 and MSH-9.2, e.g. `SIU` and `S12`.
        version: MSH-12.1, e.g. `2.3`.
        accept, application: MSH-15 and MSH-16, in capitals: when an acknowledgement is wanted. Both empty: original mode.
        problem: the error code of what is wrong with it: `hl7-no-header`, `hl7-delimiters`, `hl7-control-id`; empty for nothing.
        fields: MSH as it stands, `fields[n - 1]` is MSH-n.
        codec: Python's name of the character set in which the sender is to be answered.
        mark: the byte order mark that an answer begins with.
    """

    control_id: str = ""
    type: str = ""
    event: str = ""
    version: str = ""
    accept: str = ""
    application: str = ""
    problem: str = ""
    fields: tuple[str, ...] = field(default=(), repr=False)
    signs: Delimiters = field(default=_USUAL, repr=False)
    codec: str = "utf-8"
    mark: bytes = b""

    @property
    def enhanced(self) -> bool:
        """The sender says which acknowledgements it wants (2.9.3); otherwise the original mode's rules hold."""
        return bool(self.accept or self.application)

    def at(self, number: int) -> str:
        """MSH-n as it stands, for n from 2."""
        return self.fields[number - 1] if number <= len(self.fields) else ""


def header(data: bytes) -> Header:
    """Read MSH."""
    codec, skip = ("", 0) if data[:3] == b"MSH" else marked(data)
    if codec.startswith(("utf-16", "utf-32")):
        text = data[: _MOST * 4].decode(codec, "ignore").lstrip("\ufeff\r\n\x00 ")
        return _read(text, codec, data[:skip]) if text.startswith("MSH") else Header(problem="hl7-no-header")
    start = 0 if data[:3] == b"MSH" else header_at(data)
    if start < 0:
        return Header(problem="hl7-no-header")
    head = data[start : start + _MOST]
    codec = codec_named(declared_charset(head)) or "utf-8"
    return _read(head.decode(codec, "surrogateescape"), codec, b"")


def glance(data: bytes) -> tuple[bytes, bytes] | None:
    """Of most messages all that is new in MSH: its kind, and MSH-10.

    The kind is MSH without MSH-7 and MSH-10. A sender's messages have few kinds, so what `header` has read once it need not read again.
    None for what is not as simple: a control id with other than ASCII letters and digits, a long MSH, lines that end otherwise.
    """
    end = data.find(b"\r", 4, _GLANCE)
    if end < 0 or data[:3] != b"MSH" or data.find(b"\n", 0, end) >= 0:
        return None
    line, sign = data[:end], data[3:4]
    fields = line.split(sign, _NUMBERED)
    if len(fields) < _NUMBERED or not fields[_CONTROL_ID].isalnum():
        return None
    number = fields[_CONTROL_ID]
    del fields[_CONTROL_ID], fields[_STAMP]
    return sign.join(fields), number


def _read(text: str, codec: str, mark: bytes) -> Header:
    line = text.replace("\n", "\r").partition("\r")[0]
    fields = line.split(line[3:4] or "|")
    try:
        signs = delimiters(line[3:4], fields[1] if len(fields) > 1 else "")
    except BadInput as bad:
        return Header(problem=bad.code, fields=tuple(fields), codec=codec, mark=mark)
    fields += [""] * (_CHARSET + 1 - len(fields))
    kind = fields[8].split(signs.component, 2) if signs.component else [fields[8]]
    control = printable(signs.unescape(fields[_CONTROL_ID]))
    return Header(
        control_id=control,
        type=printable(kind[0]),
        event=printable(kind[1]) if len(kind) > 1 else "",
        version=printable(fields[_VERSION].split(signs.component or "^", 1)[0]),
        accept=printable(fields[14]).upper(),
        application=printable(fields[15]).upper(),
        problem="" if control else "hl7-control-id",
        fields=tuple(fields),
        signs=signs,
        codec=codec,
        mark=mark,
    )


def printable(value: str) -> str:
    """A value that can be kept: bytes that were no characters, and control characters, are replaced."""
    if value.isascii() and value.isprintable():
        return value.strip()
    return clean(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")).strip()
