"""Which bytes stand for which characters: MSH-18, table 0211 (HL7 v2.9 2.13.9.18), and what senders do without saying so.

A message that says nothing is taken for UTF-8, which ASCII, the standard's default, is a part of. A byte order mark, or zero bytes beside
the letters `MSH`, tell UTF-16 and UTF-32 before MSH-18 can be read. A message whose bytes do not fit what it says is refused as a whole:
half a name is worse than none.
"""

from __future__ import annotations

import re

from vestibule.errors import BadInput

PHASE = "hl7.read"
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"M\x00\x00\x00S", "utf-32-le"),
    (b"\x00\x00\x00M\x00", "utf-32-be"),
    (b"M\x00S\x00", "utf-16-le"),
    (b"\x00M\x00S", "utf-16-be"),
)
_PARTS_OF_8859 = frozenset({*range(1, 12), 13, 14, 15, 16})
_NAMED = {
    "": "utf-8",
    "ASCII": "utf-8",  # which it is a part of
    "UTF-8": "utf-8",  # not in the table, but written
    "UTF8": "utf-8",
    "UNICODE": "utf-8",  # whoever could read this so far reads single bytes
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-8",
    "UNICODE UTF-32": "utf-8",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
}
_ISO_8859 = re.compile(r"(?:ISO[ _-]?)?8859[/-](\d{1,2})\Z")


def marked(data: bytes) -> tuple[str, int]:
    """The codec that the first bytes tell, and how many of them are a mark; an empty name where they tell nothing."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, 0 if b"M" in mark else len(mark)
    return "", 0


def codec_named(declared: str) -> str:
    """The codec of MSH-18; an empty name for a character set that is not known here."""
    name = declared.strip().upper()
    known = _NAMED.get(name)
    if known is not None:
        return known
    match = _ISO_8859.match(name)
    return f"iso8859_{match.group(1)}" if match and int(match.group(1)) in _PARTS_OF_8859 else ""


def codec_of(declared: str) -> str:
    """The codec of MSH-18.

    Raises:
        BadInput: `hl7-charset`, for a character set that is not known here.
    """
    codec = codec_named(declared) if declared else "utf-8"
    if not codec:
        raise BadInput("hl7-charset", "MSH-18 names a character set that is not known here.", phase=PHASE)
    return codec


def strictly(data: bytes, codec: str) -> str:
    """The text, or a clear refusal.

    Raises:
        BadInput: `hl7-charset`.
    """
    try:
        return str(data, codec)
    except UnicodeDecodeError:
        raise BadInput("hl7-charset", "The message's bytes are not of the character set that it names in MSH-18.", phase=PHASE) from None
