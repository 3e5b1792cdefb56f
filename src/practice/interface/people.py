"""How a patient can be reached, in the fields of a PID segment: telephone numbers (XTN) and language."""

from __future__ import annotations

import re

from practice.model import Patient

_LANGUAGES = {
    "english": "ENG",
    "spanish": "SPA",
    "korean": "KOR",
    "chinese (traditional)": "ZH-TW",
    "vietnamese": "VIE",
    "arabic": "ARA",
    "polish": "POL",
    "german": "GER",
}
_TEN = 10


def contact_points(who: Patient, *, modern: bool) -> str:
    """PID-13: the cell phone, then the e-mail address."""
    return "~".join(part for part in (_phone(who.phone, modern=modern), _email(who.email)) if part)


def _phone(text: str, *, modern: bool) -> str:
    """As version 2.3 writes it, the number as text; as 2.5.1 does, in parts and once more without any marks."""
    if not text.strip():
        return ""
    safe = re.sub(r"[|^~\\&\r\n]", "", text.strip())
    digits = re.sub(r"\D", "", safe)
    if not modern or not digits:
        return f"{safe}^PRN^CP"
    plus = text.strip().startswith("+")
    area, number = ("", digits) if plus or len(digits) < _TEN else (digits[-10:-7], digits[-7:])
    whole = f"+{digits}" if plus else digits
    return f"^PRN^CP^^{'' if plus or not area else '1'}^{area}^{'' if plus else number}^^^^^{whole}"


def _email(text: str) -> str:
    safe = re.sub(r"[|^~\\&\s]", "", text)
    return f"^NET^Internet^{safe}" if "@" in safe else ""


def language(name: str) -> str:
    """PID-15: a code where the house has one, and the name."""
    safe = re.sub(r"[|^~\\&\r\n]", "", name.strip())
    code = _LANGUAGES.get(safe.lower(), "")
    return f"{code}^{safe}" if safe else ""
