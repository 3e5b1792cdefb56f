"""A patient made of unique strings, and the search for them in whatever a visit leaves behind."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, unquote_plus

Thing = str | bytes | None


@dataclass(frozen=True)
class Canary:
    """What must not be found: each unique string by what it is.

    A string counts as found in any case, percent-encoded, as hexadecimal or base64 (wherever it stands in a longer text), and a
    number also with other punctuation.
    """

    words: Mapping[str, str]

    def found(self, place: str, things: Iterable[Thing]) -> list[str]:
        """Which of the strings stand where: one line each, naming the place and a little of what is round it."""
        return sorted({f"{place}: {line}" for thing in things if thing for line in self._found_in(_bytes(thing))})

    def _found_in(self, thing: bytes) -> Iterator[str]:
        for text in {thing, unquote_plus(thing.decode("latin-1")).encode("latin-1", "replace")}:
            for what, word in self.words.items():
                if match := looks_for(word).search(text):
                    yield f"{what} in {text[max(0, match.start() - 60) : match.end() + 60]!r}"


@cache
def looks_for(word: str) -> re.Pattern[bytes]:
    """The string in any way it might be written."""
    insensitive = {word.encode(), quote(word).encode(), word.encode().hex().encode()}
    ways = [b"(?i:%s)" % b"|".join(re.escape(form) for form in insensitive), *(re.escape(form) for form in base64_forms(word))]
    if not re.search("[A-Za-z]", word):
        digits = re.sub(r"\D", "", word)
        alone = b"" if len(digits) > 10 else rb"(?<![0-9a-fA-F])"  # a short number stands in some random id sooner or later
        ways.append(alone + rb"\W{0,3}".join(digit.encode() for digit in digits))
    return re.compile(b"|".join(ways))


def base64_forms(word: str) -> set[bytes]:
    """The part of its base64 that does not depend on its neighbours, for each of the three ways it may lie in a text."""
    forms = set()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + word.encode())
        usable = (len(word) + shift) // 3 * 4
        forms.add(whole[4 if shift else 0 : usable])
    return forms | {form.replace(b"+", b"-").replace(b"/", b"_") for form in forms}


def _bytes(thing: str | bytes) -> bytes:
    return thing if isinstance(thing, bytes) else thing.encode("utf-8", "replace")


# The record's own names for her, and what she types herself.
ZEPHYRINE = Canary(
    {
        "family name": "Quillfeatherstone",
        "given name": "Zephyrinexa",
        "typed name": "Mizpahwren",
        "medical record number": "QXM7719083",
        "FHIR id": "eQzWvXkanaryTu7Ryp94Lm",
        "patient id": "ZQX5551918",
        "portal id": "WQX8812064",
        "telephone": "555-8190-27641",
        "date of birth": "1967-04-19",  # read as a time of day it would be none, for those stand everywhere
        "e-mail": "vellichor.q@lambent.example",
        "allergies": "Zinfandelwyxa",
        "what was said in the room": "Borborygmuxet",
        "asked in a forged launch": "Absquatulexo",
    }
)
AS_PATIENT = {
    "id": ZEPHYRINE.words["FHIR id"],
    "ept": ZEPHYRINE.words["patient id"],
    "wpr": ZEPHYRINE.words["portal id"],
    "mrn": ZEPHYRINE.words["medical record number"],
    "family": ZEPHYRINE.words["family name"],
    "given": ZEPHYRINE.words["given name"],
    "birth_date": ZEPHYRINE.words["date of birth"],
    "phone": ZEPHYRINE.words["telephone"],
    "email": ZEPHYRINE.words["e-mail"],
    "allergies": ZEPHYRINE.words["allergies"],
}
# A patient of whom only the appointments feed tells; a telephone that could be dialled, so that it is taken.
CALLIOPE = Canary(
    {
        "family name": "Wintergreenhalgh",
        "given name": "Calliopexandra",
        "medical record number": "QXM8820194",
        "date of birth": "1971-11-23",
        "telephone": "+1-608-555-8190",
        "e-mail": "calliopex@ephemera.example",
        "address": "Vexillologyterrace",
        "social security number": "987-65-4329",
        "remark": "Tintinnabulatrix",
    }
)
