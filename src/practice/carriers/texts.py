"""What a text is: its characters and segments, its numbers, its keywords. And what a phone shows of it."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from practice.carriers.model import CarrierName

# The basic set and the extension of GSM 03.38; a character of the extension counts twice.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_ONE_GSM, _MORE_GSM = 160, 153
_ONE_UCS2, _MORE_UCS2 = 70, 67

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})
_TOLL_FREE = re.compile(r"^\+1(800|888|877|866|855|844|833)\d{7}$")
_E164 = re.compile(r"^\+[1-9]\d{7,14}$")
_NANP = re.compile(r"^\+1[2-9]\d{9}$")
_NATIONAL, _WITH_ONE = 10, 11


class Text(Struct, kw_only=True):
    """One text on its way or there.

    Attributes:
        way: `out` from a customer of the carrier to a phone, `in` from a phone, `auto` the carrier's own answer.
        at: when it was accepted; `shown` when the phone showed it, empty when it never did.
        key: what the client called it, where it gave a key.
        hook: where receipts go; of an incoming one: what the webhook answered.
    """

    id: str
    carrier: CarrierName
    account: str
    sender: str
    to: str
    text: str
    way: Literal["out", "in", "auto"] = "out"
    at: str = ""
    shown: str = ""
    updated: str = ""
    segments: int = 1
    status: str = "queued"
    code: int = 0
    why: str = ""
    key: str = ""
    hook: str = ""
    tag: str = ""
    service: str = ""
    receipts: bool = True

    @property
    def phone(self) -> str:
        """The handset's number."""
        return self.sender if self.way == "in" else self.to

    @property
    def number(self) -> str:
        """The carrier's number."""
        return self.to if self.way == "in" else self.sender


def segments(text: str) -> int:
    """How many messages a text takes on the air."""
    if all(c in _BASIC or c in _EXTENSION for c in text):
        units = sum(2 if c in _EXTENSION else 1 for c in text)
        return 1 if units <= _ONE_GSM else -(-units // _MORE_GSM)
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2
    return 1 if units <= _ONE_UCS2 else -(-units // _MORE_UCS2)


def keyword(text: str) -> Literal["", "STOP", "START", "HELP"]:
    """The keyword that a text is; one with more words in it is none."""
    word = text.strip().upper()
    return "STOP" if word in STOP else "START" if word in START else "HELP" if word in HELP else ""


def possible(number: str) -> bool:
    """Whether a number can be a phone's: E.164, and ten digits after +1."""
    return bool(_NANP.match(number) if number.startswith("+1") else _E164.match(number))


def toll_free(number: str) -> bool:
    """Whether it is a North American toll-free number."""
    return bool(_TOLL_FREE.match(number))


def phone_of(said: str) -> str:
    """A patient's phone as somebody wrote it, as E.164 where it can be; a North American one may do without its 1."""
    digits = re.sub(r"\D", "", said)
    if said.strip().startswith("+"):
        return f"+{digits}"
    if len(digits) == _NATIONAL:
        return f"+1{digits}"
    return f"+{digits}" if len(digits) == _WITH_ONE and digits[0] == "1" else ""
