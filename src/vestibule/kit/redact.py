"""Takes out of a text what must not be written down: tokens, addresses, telephone numbers, queries of URLs."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 [token]"),
    (re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*)*"), "[token]"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^/\s@]*@"), r"\1[user]@"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    (re.compile(r"[?#][^\s\"'<>]*=[^\s\"'<>]*"), "?[query]"),
    (re.compile(r"(?i)(/(?:j|h)/)[\w-]+"), r"\1[code]"),
    (re.compile(r"(?<![\w.:-])\+?\d(?:[ ()./-]{0,2}\d){6,14}(?![\w:-])"), "[number]"),
    (re.compile(r"(?<![\w-])(?=[\w-]*\d[\w-]*[A-Za-z]|[\w-]*[A-Za-z][\w-]*\d|(?:[^\WA-Z]*-*[A-Z]){6})[\w-]{20,}(?![\w-])"), "[token]"),
)
MAX = 8000
# What no rule can match: no blank, @, ? or #; fewer than seven digits; no word of twenty characters (a JWT and the code of a link, which
# are shorter, are looked for by name). Most of what is logged is such a word, and a line has a dozen of them.
_HARMLESS = re.compile(r"(?!(?:\D*\d){7})[.:{}/]*(?:[A-Za-z0-9_-]{1,19}(?:[.:{}/]+|\Z))*")
_WORD = 120
_MOST_SEEN = 4096
_seen: set[str] = set()
_NAMED = ("eyj", "/j/", "/h/")


def scrub(text: str) -> str:
    """The text without anything that looks like a secret or a way to reach a person. UUIDs stay: ours name things, not people."""
    if text in _seen or _harmless(text):
        return text
    return _scrub_all(text)


def _harmless(text: str) -> bool:
    """True, and remembered, for what no rule can match; what might hold a secret is never remembered."""
    if len(text) > _WORD or not _HARMLESS.fullmatch(text):
        return False
    lower = text.lower()
    if any(name in lower for name in _NAMED):
        return False
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen.add(text)
    return True


def _scrub_all(text: str) -> str:
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\x00{len(kept) - 1}\x00"

    text = _UUID.sub(keep, text[:MAX].replace("\x00", ""))
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return re.sub("\x00(\\d+)\x00", lambda match: kept[int(match.group(1))], text)
