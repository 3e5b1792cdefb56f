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
        parts: its components as plain text, at least one.
        home: it stood in a field for numbers at home; one that says it is of work is none.

    Returns:
        None where it holds no number and no address.
    """
    size = len(parts)
    if size == 1:
        number = digits(parts[0])
        return Telecom(number, home=home) if number else None
    email = _email(parts, size)
    number = _number(parts, size)
    if not number and not email:
        return None
    use = parts[1].strip().upper()
    return Telecom(number, use, parts[2].strip().upper() if size > 2 else "", email, home and use != "WPN")  # noqa: PLR2004 XTN.3


def _email(parts: Sequence[str], size: int) -> str:
    """XTN.4, else where an address was put that is not its place: XTN.1, XTN.12."""
    for n in (3, 0, 11):
        if n < size and "@" in parts[n]:
            return parts[n].strip()
    return ""


def _number(parts: Sequence[str], size: int) -> str:
    """XTN.12 (2.7 and later), XTN.5 to 7 (2.3 and later), or XTN.1: the first that is a whole number, else the first that is anything."""
    first = digits(parts[11]) if size > 11 and parts[11] else ""  # noqa: PLR2004 XTN.12
    if len(first) >= _LEAST_DIGITS:
        return first
    number = _composed(parts) if size > 6 and parts[6] else ""  # noqa: PLR2004 XTN.7
    if len(number) >= _LEAST_DIGITS:
        return number
    first = first or number
    number = digits(parts[0]) if parts[0] and "@" not in parts[0] else ""
    return number if len(number) >= _LEAST_DIGITS else first or number


def _composed(parts: Sequence[str]) -> str:
    """Country code, area code, local number."""
    country, area, local = parts[4], parts[5], parts[6]
    whole = country + area + local
    if not (whole.isdecimal() and whole.isascii()):
        country, area, local = digits(country).lstrip("+"), digits(area), digits(local)
    return f"+{country}{area}{local}" if country and area and local else area + local


def digits(text: str) -> str:
    """Digits of a number, behind `+` where it has one; an extension, a pager code or a remark behind it is left out (2A.3.90.1)."""
    bare = text.replace("-", "").replace("(", "").replace(")", "").replace(" ", "")
    if bare.isdecimal() and bare.isascii():
        return bare
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
