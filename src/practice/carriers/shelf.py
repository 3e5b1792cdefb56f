"""Numbers that nobody owns yet, out of the range that is kept for stories, and what they cost a month."""

from __future__ import annotations

from collections.abc import Iterator

from practice.carriers.model import Kind, OwnedNumber

TOLL_FREE_CODES = ("833", "844", "855", "866", "877", "888")
AREA_CODES = {
    "206": ("Seattle", "WA"),
    "312": ("Chicago", "IL"),
    "617": ("Boston", "MA"),
    "737": ("Austin", "TX"),
    "916": ("Sacramento", "CA"),
}
MONTHLY: dict[Kind, str] = {"toll_free": "2.15", "local": "1.15"}
COUNTRIES = ("US", "CA", "PR")
_FIRST, _LAST = 100, 199


def offered(owned: list[OwnedNumber], kind: Kind, area: str = "") -> Iterator[str]:
    """Numbers on the shelf, in an order that stays the same."""
    taken = {one.number for one in owned}
    codes = [code for code in (TOLL_FREE_CODES if kind == "toll_free" else AREA_CODES) if area in {"", code}]
    for last in range(_FIRST, _LAST + 1):
        for code in codes:
            number = f"+1{code}555{last:04d}"
            if number not in taken:
                yield number


def place(number: str) -> tuple[str, str]:
    """City and state of a local number."""
    return AREA_CODES.get(number[2:5], ("", ""))
