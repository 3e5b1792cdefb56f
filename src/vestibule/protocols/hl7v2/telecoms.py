"""How the patient can be reached: PID-13, PID-14, PID-40 in every version's shape (HL7 v2.9 2A.3.90 XTN), and which of them to take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vestibule.protocols.hl7v2.notice import Telecom

_LEAST_DIGITS = 7
_NO_PHONE = frozenset({"FX", "BP", "MD", "TDD", "TTY", "X.400", "INTERNET", "NET"})
_NOT_THE_PATIENT = frozenset({"EMR", "ASN", "BPN", "NET"})
_EMAIL = re.compile(r"[^@\s<>\"(),;:]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?\Z")
_EXTENSION = re.compile(r"(?<=\d)\s*(?:[XBC#;]|EXT).*", re.IGNORECASE | re.DOTALL)
_NO_DIGIT = re.compile(r"\D+", re.ASCII)


def read_telecom(parts: Sequence[str], *, home: bool) -> Telecom | None:
    """One XTN as written.

    Args:
        parts: its components as plain text.
        home: see Telecom.home.

    Returns:
        None where it holds no number and no address.
    """
    get = [*parts, *[""] * (12 - len(parts))]
    email = next((one.strip() for one in (get[3], get[0], get[11]) if "@" in one), "")
    number = _number(get)
    if not number and not email:
        return None
    return Telecom(number=number, use=get[1].upper(), equipment=get[2].upper(), email=email, home=home)


def _number(get: Sequence[str]) -> str:
    """XTN.12 (2.7 and later), XTN.5 to 7 (2.3 and later), or XTN.1: the first that is a whole number, else the first that is anything."""
    country = digits(get[4])
    composed = digits(get[5]) + digits(get[6])
    shapes = [
        digits(get[11]),
        f"+{country}{composed}" if country and get[5] and composed else composed,
        "" if "@" in get[0] else digits(get[0]),
    ]
    written = [shape for shape in shapes if shape]
    return next((shape for shape in written if len(shape) >= _LEAST_DIGITS), written[0] if written else "")


def digits(text: str) -> str:
    """Digits of a number, behind `+` where it has one; an extension, a pager code or a remark behind it is left out (2A.3.90.1)."""
    if text.isdecimal() and text.isascii():
        return text
    bare = _EXTENSION.sub("", text)
    found = _NO_DIGIT.sub("", bare)
    return f"+{found}" if found and bare.lstrip(" (").startswith("+") else found


def choose_phone(telecoms: Iterable[Telecom]) -> str:
    """The number to text: a cell phone, else a number of the patient's own home; empty where there is none.

    Of equals the first as written. A number at work is taken only when it is a cell phone: others answer a desk's telephone.
    """
    ranked = [(_rank(one), n, one.number) for n, one in enumerate(telecoms) if one.number]
    best = min((entry for entry in ranked if entry[0] is not None), default=None, key=lambda entry: (entry[0] or 0, entry[1]))
    return best[2] if best else ""


def _rank(one: Telecom) -> int | None:
    """0 is best; None for what cannot be texted, or is not the patient's."""
    if one.equipment in _NO_PHONE or one.use in _NOT_THE_PATIENT or len(one.number) < _LEAST_DIGITS:
        return None
    if one.equipment == "CP":
        return 0 if one.home else 1
    if not one.home or one.use == "WPN":
        return None
    return {"PRS": 2, "PRN": 3, "": 4, "ORN": 5}.get(one.use, 6)


def choose_email(telecoms: Iterable[Telecom]) -> str:
    """The address to write to: the first that is one, those of home before those of work; empty for none."""
    usable = [one for one in telecoms if one.email and _EMAIL.match(one.email)]
    return min(usable, key=lambda one: not one.home).email if usable else ""
