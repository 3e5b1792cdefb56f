"""What the HTTP header says of the character set goes before MSH-18 (HL7 over HTTP, 2.4); in the inbox only MSH-18 is left to say it."""

from __future__ import annotations

import codecs

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2 import Header, header

_UTF_8 = "UNICODE UTF-8"
_CHARSET = 18


def settle(body: bytes, charset: str) -> bytes:
    """The message in the character set that its own MSH-18 names, from the one it was sent in.

    Args:
        body: as it came.
        charset: as the header says; empty for nothing.

    Raises:
        BadInput: `hl7-charset` when it is not known, or the bytes are none of it.
    """
    head = header(body)
    if not charset or head.problem == "hl7-no-header":
        return body
    try:
        codec = codecs.lookup(charset).name
        if codec == codecs.lookup(head.codec).name or codec in {"utf-16", "utf-32"}:
            return body  # a byte order mark, or its absence, says the rest
        text = body.decode("utf-8-sig" if codec == "utf-8" else codec)
    except (LookupError, UnicodeDecodeError, ValueError) as error:
        raise BadInput("hl7-charset", "The message is not in the character set that it was sent as.", phase="feed.take") from error
    try:
        return text.encode(head.codec)
    except UnicodeEncodeError:
        return _renamed(text, head).encode()


def _renamed(text: str, head: Header) -> str:
    """MSH-18 cannot hold what the message says: it names UTF-8 from now on."""
    at = min((n for n in (text.find("\r"), text.find("\n")) if n >= 0), default=len(text))
    fields = text[:at].split(head.signs.field)
    fields += [""] * (_CHARSET - len(fields))
    fields[_CHARSET - 1] = _UTF_8
    return head.signs.field.join(fields) + text[at:]
