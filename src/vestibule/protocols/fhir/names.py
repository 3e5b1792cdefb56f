"""A person's name as a line of text, whatever the record holds (FHIR HumanName)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

MAX_NAME: Final = 120
_JOINERS: Final = "\u200c\u200d"  # Persian and Indian names are misspelt without them
_ORDER: Final = ("official", "usual", "", "nickname", "anonymous", "temp", "maiden", "old")


def plain(text: object, *, limit: int = MAX_NAME) -> str:
    """One line without controls or invisible direction marks, at most `limit` characters: safe to show beside other text."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(_shown(c) for c in text[: limit * 8]).split())[:limit].rstrip()


def _shown(c: str) -> str:
    category = unicodedata.category(c)
    if category in {"Zs", "Zl", "Zp", "Cc"}:
        return " "
    return "" if category in {"Cs", "Co"} or (category == "Cf" and c not in _JOINERS) else c


def display_name(names: object) -> str:
    """The name a person goes by today: by `use`, `text` before its parts; empty when there is none."""
    if isinstance(names, Mapping):  # DSTU2 practitioners have one name, not a list
        names = [names]
    if not isinstance(names, list):
        return ""
    known = [(_rank(n), text) for n in names if isinstance(n, Mapping) and (text := _spelt(n))]
    return min(known, key=lambda pair: pair[0])[1] if known else ""


def _rank(name: Mapping[str, Any]) -> int:
    use = name.get("use", "")
    return _ORDER.index(use) if use in _ORDER else len(_ORDER)


def _spelt(name: Mapping[str, Any]) -> str:
    text = plain(name.get("text"))
    if text:
        return text
    parts = [*_words(name.get("prefix")), *_words(name.get("given")), *_words(name.get("family")), *_words(name.get("suffix"))]
    return plain(" ".join(parts))


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []  # DSTU2 family is a list
