"""Host names that pretend: international names (IDNA) whose letters come from several alphabets, or only look like another alphabet's.

Addresses are written with the ASCII form of a name (`xn--...`); `shown` gives the form people read, so that both can stand on a page.
"""

from __future__ import annotations

import unicodedata

_PREFIX = "xn--"
# Scripts that live together in one language (Unicode UTS 39, "highly restrictive").
_TOGETHER = ({"CJK", "HIRAGANA", "KATAKANA"}, {"CJK", "HANGUL"}, {"CJK", "BOPOMOFO"})
# Small letters of Cyrillic, Greek and Armenian that most people cannot tell from Latin ones (from Unicode's confusables.txt).
_TWINS = frozenset("асԁеһіјӏорԛѕԝхуѵανορυικսօոցհզւ")


def shown(host: str) -> str:
    """The name as people read it; a label that does not decode stays as it is."""
    return ".".join(_decoded(label) for label in host.split("."))


def is_look_alike(host: str) -> bool:
    """True when a label mixes alphabets, hides invisible characters, consists only of another alphabet's twins, or does not decode."""
    return any(_suspicious(label) for label in host.lower().split(".") if label.startswith(_PREFIX))


def _suspicious(label: str) -> bool:
    text = _decoded(label)
    if text == label or text.isascii() or text != unicodedata.normalize("NFC", text).lower():
        return True
    letters = [letter for letter in text if letter not in "-0123456789"]
    if any(unicodedata.category(letter)[0] not in "LMN" for letter in letters):
        return True
    scripts = {_script(letter) for letter in letters if unicodedata.category(letter)[0] == "L"}
    if len(scripts) > 1 and not any(scripts <= family for family in _TOGETHER):
        return True
    return all(letter in _TWINS for letter in letters)


def _decoded(label: str) -> str:
    if not label.lower().startswith(_PREFIX):
        return label
    try:
        return label[len(_PREFIX) :].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _script(letter: str) -> str:
    """The first word of a letter's name is its script: LATIN, CYRILLIC, CJK, HIRAGANA."""
    return unicodedata.name(letter, "NONE").partition(" ")[0]
