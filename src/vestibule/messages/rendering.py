"""A text with its placeholders filled: pure, so that the preview shows exactly what is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_time

from vestibule.kit.smstext import plain
from vestibule.messages.model import Channel, Wording

PLACEHOLDERS: Final = ("organisation", "day", "time", "zone", "link", "phone")
_FILLED = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_SPACES = re.compile("[\u00a0\u2007\u2009\u202f]")
# Our language -> babel's locale of days, babel's locale of times, and its pattern; empty for the locale's own short time.
_LOCALES: Final = {
    "en": ("en_US", "en_US", ""),
    "es": ("es", "es_US", ""),
    "ko": ("ko_KR", "ko_KR", "aaaa h:mm"),
    "zh-TW": ("zh_Hant_TW", "zh_Hant_TW", ""),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the placeholders stand for.

    Attributes:
        starts_at: of the appointment, aware.
        zone: IANA zone of the place of the appointment; empty for UTC.
        link: to the visit, on our own domain.
        phone: of the organisation, for questions.
    """

    organisation: str
    starts_at: datetime
    zone: str
    link: str = field(default="", repr=False)
    phone: str = ""


def render(wording: Wording, facts: Facts) -> str:
    """The text as it is sent."""
    return _fill(wording.text, wording, facts).strip()


def subject(wording: Wording, facts: Facts) -> str:
    """The subject of an e-mail, on one line."""
    return " ".join(_fill(wording.subject, wording, facts).split())


def _fill(text: str, wording: Wording, facts: Facts) -> str:
    values = _values(wording, facts)
    return _FILLED.sub(lambda found: values[found[1]], text)


def _values(wording: Wording, facts: Facts) -> dict[str, str]:
    local = facts.starts_at.astimezone(ZoneInfo(facts.zone or "UTC"))
    days, times, pattern = _LOCALES.get(wording.language, _LOCALES["en"])
    when = {
        "day": format_skeleton("MMMEd", local, locale=days),
        "time": format_time(local, pattern or "short", locale=times),
        "zone": local.tzname() or "",
    }
    # A narrow space before "PM", an accent on a Saturday: one such sign would double what an SMS costs.
    smooth = plain if wording.channel is Channel.SMS else lambda text: _SPACES.sub(" ", text)
    return {
        "organisation": facts.organisation,
        "link": facts.link,
        "phone": facts.phone,
        **{name: smooth(text) for name, text in when.items()},
    }
