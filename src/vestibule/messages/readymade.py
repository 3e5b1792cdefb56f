"""The ready-made texts, in the languages we have them in: `texts/<language>.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from vestibule.messages.model import Channel, Purpose, Wording
from vestibule.visits.model import Place

LANGUAGES: Final = ("en", "es", "ko", "zh-TW")
LANGUAGE_NAMES: Final = {"en": "English", "es": "Español", "ko": "한국어", "zh-TW": "繁體中文"}  # each as its readers call it


def nearest(language: str, otherwise: str = "en") -> str:
    """The language of ours that somebody reads who asks for `language` (BCP 47): `es-MX` reads `es`; `otherwise` for one we lack."""
    first = language.replace("_", "-").partition("-")[0].lower()
    found = next((one for one in LANGUAGES if one.partition("-")[0] == first), "")
    return found or (nearest(otherwise) if otherwise != "en" else "en")


def ready_made(language: str, channel: Channel, purpose: Purpose, place: Place) -> Wording:
    """The text of one of our languages."""
    one = _texts(language)[channel.value][place.value][purpose.value]
    if isinstance(one, str):
        return Wording(purpose, channel, language, place, one)
    return Wording(purpose, channel, language, place, one["text"], one["subject"])


@cache
def _texts(language: str) -> dict[str, Any]:
    return tomllib.loads((files("vestibule.messages") / "texts" / f"{language}.toml").read_text(encoding="utf-8"))
