"""A message as text that is taken apart only where somebody looks (HL7 v2.9 chapter 2, 2.5 to 2.7).

Tolerant: any delimiters that MSH-1 and MSH-2 name, segments that end with CR, LF or both, a byte order mark or line ends before MSH, lines
that are no segments. What takes part in a comparison is always plain text without control characters; escape sequences have been replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2.charset import PHASE, codec_of, marked, strictly

NULL = '""'  # a value that is to be deleted (2.5.3)
_USUAL = "^~\\&"
_MSH_IN = 4096
_MSH_18 = 18
_HEADER_BYTES = re.compile(rb"(?:\A[\s\x00\x0b]*|\A\xef\xbb\xbf|[\r\n])MSH")
_HEADER_TEXT = re.compile(r"(?:\A[\s\x00\ufeff]*|[\r\n])MSH")
_PATH = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\((\d+)\))?(?:\.(\d+))?(?:\.(\d+))?\Z")
_USUAL_HEAD = b"MSH|^~\\&|"
_NOT_PLAIN = bytes(sorted({*range(0x20), 0x7F, *b'\\&"'} - {0x0A, 0x0D}))
_CONTROLS = dict.fromkeys([*range(0x20), 0x7F], " ")


class Delimiters:
    """MSH-1 and MSH-2 (2.5.4): what separates fields, components, repetitions and subcomponents, and what escapes them."""

    __slots__ = ("component", "escape", "field", "pattern", "plain", "repetition", "subcomponent")

    def __init__(self, field: str, encoding: str) -> None:
        """Take them as written; what MSH-2 leaves out is what is usual, or none where another sign took that place.

        Raises:
            BadInput: `hl7-delimiters`, for letters, digits, or one sign in two places.
        """
        given = encoding[: len(_USUAL)]
        taken = given + field
        rest = [sign if sign not in taken else "" for sign in _USUAL[len(given) :]]
        self.field = field
        self.component, self.repetition, self.escape, self.subcomponent = [*given, *rest]
        if not field or len(set(taken)) != len(taken) or any(sign.isalnum() or sign in ' "\r\n' for sign in taken):
            raise BadInput("hl7-delimiters", "MSH-1 and MSH-2 do not name five different signs that can separate fields.", phase=PHASE)
        self.plain = (self.escape, "\x00")
        self.pattern = _escapes(self.escape) if self.escape else None

    def unescape(self, value: str, codec: str = "utf-8") -> str:
        """A leaf's text, its escape sequences replaced (2.7); what is none stays as it stands."""
        if self.pattern is None or self.escape not in value:
            return value
        signs = {"F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape, "P": "#"}

        def instead(match: re.Match[str]) -> str:
            name = match.group(1)
            return signs.get(name) or _shown(name, codec)

        return self.pattern.sub(instead, value)

    def escaped(self, text: str) -> str:
        """A text that can be put between these delimiters: one line, and nothing in it separates."""
        if not self.escape:
            return "".join(
                " " if sign in (self.field, self.component, self.repetition, self.subcomponent) else sign for sign in clean(text)
            )
        names = {self.field: "F", self.component: "S", self.subcomponent: "T", self.repetition: "R", self.escape: "E"}
        table = {ord(sign): f"{self.escape}{name}{self.escape}" for sign, name in names.items() if sign}
        return clean(text).translate(table)


def clean(text: str) -> str:
    """The text in one line: control characters, which only escape sequences could have brought, become spaces."""
    return text if text.isprintable() else text.translate(_CONTROLS)


@lru_cache(maxsize=64)
def delimiters(field: str, encoding: str) -> Delimiters:
    """Those of a message, made once: few kinds are in use."""
    return Delimiters(field, encoding)


@lru_cache(maxsize=64)
def _escapes(sign: str) -> re.Pattern[str]:
    one = re.escape(sign)
    return re.compile(rf"{one}([FSTREPHN]|X(?:[0-9A-Fa-f]{{2}})*|[CMZ][0-9A-Za-z]*|\.(?:br|fi|nf|ce|(?:sp|in|ti|sk)\s?[+-]?\d*)){one}")


def _shown(name: str, codec: str) -> str:
    """What an escape sequence stands for: hexadecimal data its characters, a break or skip a space, highlighting nothing."""
    if name[0] == "X":
        return bytes.fromhex(name[1:]).decode(codec, "replace")
    return " " if name in {".br", ".ce"} or name.startswith((".sp", ".sk", ".in", ".ti")) else ""


_USUAL_SIGNS = delimiters("|", _USUAL)


class Segment:
    """One segment; fields are numbered as the standard numbers them, from 1."""

    __slots__ = ("_codec", "_fields", "_signs", "name")

    def __init__(self, line: str, signs: Delimiters, codec: str) -> None:
        """Take a line apart into fields; MSH-1 is the sign that separates them."""
        self._fields = line.split(signs.field)
        self.name = self._fields[0]
        if self.name in {"MSH", "FHS", "BHS"}:
            self._fields.insert(1, signs.field)
        self._signs = signs
        self._codec = codec

    def __repr__(self) -> str:
        return f"<Segment {self.name} with {len(self._fields) - 1} fields>"

    def field(self, number: int) -> str:
        """A field as it stands, with all its repetitions and escapes; empty when it is not there."""
        return self._fields[number] if number < len(self._fields) else ""

    def repeats(self, number: int) -> list[str]:
        """A field's repetitions, as they stand; none for an empty field."""
        value = self.field(number)
        if not value or (self.name in {"MSH", "FHS", "BHS"} and number <= 2):  # noqa: PLR2004 MSH-1 and MSH-2 are the signs themselves
            return [value] if value else []
        return value.split(self._signs.repetition) if self._signs.repetition else [value]

    def get(self, number: int, component: int = 1, subcomponent: int = 1, *, repetition: int = 1) -> str:
        """A value as plain text; empty when it is not there, or is to be deleted (`""`).

        Asking a component that has subcomponents gives its first (2.5.3.4: a receiver takes what it knows of a type that grew).
        """
        repeats = self.repeats(number)
        if not 0 < repetition <= len(repeats):
            return ""
        return self.part(repeats[repetition - 1], component, subcomponent) if number > 2 or self.name != "MSH" else repeats[0]  # noqa: PLR2004

    def part(self, value: str, component: int = 1, subcomponent: int = 1) -> str:
        """A part of one repetition, as `get` gives it."""
        signs = self._signs
        return leaf(_nth(_nth(value, signs.component, component), signs.subcomponent, subcomponent), signs, self._codec)

    def is_null(self, number: int) -> bool:
        """The field says that the value known so far is to be deleted (2.5.3)."""
        return self.field(number) == NULL


def plain_parts(value: str) -> list[str]:
    """Components of a field's first repetition, separated by the usual signs, where nothing is escaped; at least one."""
    return value.split("~", 1)[0].split("^") if "~" in value else value.split("^")


def leaf(value: str, signs: Delimiters, codec: str) -> str:
    """A component as plain text: its first subcomponent, escapes replaced, one line."""
    if signs.subcomponent and signs.subcomponent in value:
        value = value.split(signs.subcomponent, 1)[0]
    return "" if value == NULL else clean(signs.unescape(value, codec)).strip()


def _nth(value: str, sign: str, number: int) -> str:
    if not sign or sign not in value:
        return value if number == 1 else ""
    parts = value.split(sign, number)
    return parts[number - 1] if number <= len(parts) else ""


class Message:
    """A parsed message.

    Attributes:
        lines: its segments as text, the first is MSH; lines that are no segments stand among them.
        signs: its delimiters.
        codec: Python's name of its character set.
        plain: behind MSH-2 it is known to hold no escape, no subcomponent, no `""` and no control character.
    """

    __slots__ = ("codec", "lines", "plain", "signs")

    def __init__(self, lines: list[str], signs: Delimiters, codec: str, plain: bool = False) -> None:  # noqa: FBT001, FBT002 made for every message
        """Take a text that `parse` has cut into lines."""
        self.lines = lines
        self.signs = signs
        self.codec = codec
        self.plain = plain

    def __repr__(self) -> str:
        return f"<Message of {len(self.lines)} segments>"

    def segments(self, name: str) -> Iterator[Segment]:
        """Every segment of a name, in order."""
        return (Segment(line, self.signs, self.codec) for line in self.lines if line[:3] == name and line[3:4] in {"", self.signs.field})

    def parts(self, value: str) -> list[str]:
        """Components of a field's first repetition as plain text; at least one."""
        if self.is_plain(value):
            return [part.strip() for part in plain_parts(value)]
        signs = self.signs
        if signs.repetition and signs.repetition in value:
            value = value.split(signs.repetition, 1)[0]
        parts = value.split(signs.component) if signs.component else [value]
        return [leaf(part, signs, self.codec) if part else "" for part in parts]

    def is_plain(self, value: str) -> bool:
        """The usual signs alone take this field apart: see `plain`."""
        return self.signs is _USUAL_SIGNS and "\\" not in value and "&" not in value and '"' not in value and value.isprintable()

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next(self.segments(name), None)

    def get(self, path: str) -> str:
        """A value by its path, e.g. `SCH-11.4`, `PID-13(2).1`, `PID-5.1.1`, from the first segment of that name.

        Raises:
            ValueError: for what is no path.
        """
        match = _PATH.match(path)
        if match is None:
            raise ValueError(f"no path: {path!r}")
        name, number, repetition, component, subcomponent = match.groups()
        segment = self.first(name)
        if segment is None:
            return ""
        return segment.get(int(number), int(component or 1), int(subcomponent or 1), repetition=int(repetition or 1))


def parse(data: bytes) -> Message:
    """Read a message's bytes as text and cut it into lines; the rest happens where somebody looks.

    Raises:
        BadInput: `hl7-no-header` for what has no MSH, `hl7-delimiters`, `hl7-charset`.
    """
    if data[:3] == b"MSH":
        codec = codec_of(declared_charset(data))
        return _cut(strictly(data, codec), codec, _is_plain(data))
    codec, skip = marked(data)
    if codec.startswith(("utf-16", "utf-32")):
        return _cut(_from_header(strictly(data[skip:], codec)), codec)
    start = header_at(data)
    if start < 0:
        raise no_header()
    codec = codec_of(declared_charset(data[start:]))
    return _cut(strictly(data[start:], codec), codec)


def header_at(data: bytes) -> int:
    """Where MSH begins a line, near the beginning; -1 for nowhere. A batch's own headers may stand before it (2.10.3)."""
    match = _HEADER_BYTES.search(data, 0, _MSH_IN)
    return match.end() - 3 if match else -1


def declared_charset(data: bytes) -> str:
    """MSH-18 of what begins with MSH, its first repetition: that is the message's own (2.13.9.18)."""
    end = data.find(b"\r")
    line_end = data.find(b"\n", 0, end if end >= 0 else len(data))
    end = line_end if line_end >= 0 else end if end >= 0 else len(data)
    sign = data[3:4] or b"|"
    if data.count(sign, 0, end) < _MSH_18 - 1:
        return ""
    return data[:end].split(sign, _MSH_18)[_MSH_18 - 1].split(b"~", 1)[0].decode("ascii", "replace")


def no_header() -> BadInput:
    """What is said of bytes without MSH."""
    return BadInput("hl7-no-header", "This is no HL7 v2 message: it does not begin with MSH.", phase=PHASE)


def _from_header(text: str) -> str:
    match = _HEADER_TEXT.search(text, 0, _MSH_IN)
    if match is None:
        raise no_header()
    return text[match.end() - 3 :]


def _is_plain(data: bytes) -> bool:
    """See Message.plain: true only where the bytes prove it. MSH-2 itself holds two of the signs that tell otherwise."""
    return data.startswith(_USUAL_HEAD) and len(data.translate(None, _NOT_PLAIN)) == len(data) - 2


def _cut(text: str, codec: str, plain: bool = False) -> Message:  # noqa: FBT001, FBT002 as of Message
    """Lines of a text that begins with MSH."""
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    lines = text.split("\r")
    if plain:
        return Message(lines, _USUAL_SIGNS, codec, True)
    field = text[3:4]
    if not field:
        raise no_header()
    end = lines[0].find(field, 4)
    return Message(lines, delimiters(field, lines[0][4 : end if end >= 0 else None]), codec)
