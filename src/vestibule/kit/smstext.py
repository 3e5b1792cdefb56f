"""How many pieces a text message is sent in: GSM 7-bit (3GPP TS 23.038 6.2.1) while every character is in that alphabet, else UCS-2.

A message of one piece holds 160 septets or 70 UTF-16 units. A longer one is cut into pieces that each begin with a user data header of
six octets (TS 23.040 9.2.3.24.1), which leaves 153 or 67, and what takes two units is never cut in half: an escaped sign in the GSM
alphabet, a surrogate pair in UCS-2. Each piece is charged for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")  # behind an escape: two septets each
# Signs of typesetting, and what says the same in the GSM alphabet; letters are looked up by what they are made of.
_PLAIN: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\u2022\u00b7", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\t", " "),
    "\u2026": "...",
    "\u2122": "(TM)",
    "\u00a9": "(C)",
    "\u00ae": "(R)",
}
_SEPTETS: Final = (160, 153)
_UNITS: Final = (70, 67)
_BEYOND: Final = 0xFFFF  # characters above it are two UTF-16 units


class Encoding(StrEnum):
    """How the characters of a message travel."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text takes.

    Attributes:
        count: pieces it is sent in, each charged for; an empty text is one.
        encoding: one character outside the GSM alphabet makes all of it UCS-2.
        units: septets or UTF-16 units, without the headers of the pieces.
        left: units that could be added before the next piece begins.
    """

    count: int
    encoding: Encoding
    units: int
    left: int


def segments(text: str) -> Segments:
    """Count the pieces a text is sent in."""
    encoding = Encoding.UCS2 if forcing(text) else Encoding.GSM7
    single, each = _SEPTETS if encoding is Encoding.GSM7 else _UNITS
    total = sum(_widths(text, encoding))
    if total <= single:
        return Segments(1, encoding, total, single - total)
    count, filled = 1, 0
    for width in _widths(text, encoding):
        if filled + width > each:
            count, filled = count + 1, 0
        filled += width
    return Segments(count, encoding, total, each - filled)


def forcing(text: str) -> tuple[str, ...]:
    """The characters that force UCS-2, each once, in the order in which they stand; none while the text is GSM 7-bit."""
    return tuple(dict.fromkeys(char for char in text if char not in _BASIC and char not in _EXTENDED))


def plain(text: str) -> str:
    """The text with every character that has a near equal in the GSM alphabet replaced by it; the others stay."""
    return "".join(char if char in _BASIC else _PLAIN.get(char) or _base(char) for char in text)


def suggestion(text: str) -> str:
    """The same text in GSM 7-bit, where replacing single characters makes it so; empty when it is already, or when that cannot help."""
    if not forcing(text):
        return ""
    replaced = plain(text)
    return "" if forcing(replaced) else replaced


def _base(char: str) -> str:
    """A letter without its accent, when that is in the alphabet; else the character."""
    parts = unicodedata.normalize("NFD", char)
    return parts[0] if len(parts) > 1 and parts[0].isascii() and parts[0].isalpha() else char


def _widths(text: str, encoding: Encoding) -> Iterator[int]:
    if encoding is Encoding.GSM7:
        return (2 if char in _EXTENDED else 1 for char in text)
    return (2 if ord(char) > _BEYOND else 1 for char in text)
