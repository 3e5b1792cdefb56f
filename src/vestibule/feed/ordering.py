"""What is the newest word on an appointment, whatever order the words came in. Pure.

Messages overtake each other and come twice. What is known of an appointment is therefore a fold that does not depend on their order: a
cancel is final, and of everything else the newest counts, by the messages' own times. Two of the same moment have a fixed order too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from vestibule.protocols.hl7v2.notice import Status

OVER: Final = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})
_LONGEST: Final = 200
# Of one moment's words, the later in the life of an appointment is the newer.
_RANKS: Final = {"S12": 1, "S18": 2, "S19": 2, "S20": 2, "S21": 2, "S22": 2, "S23": 2, "S24": 2, "S14": 3, "S13": 4, "S26": 5}
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Word:
    """What a message says of an appointment, as far as it orders messages.

    Attributes:
        at: when that was so, by the sender's clock.
        tie: decides between two of the same moment.
    """

    status: Status
    at: datetime
    tie: str = ""


class Move(StrEnum):
    """What a word does to what is known."""

    TELL = "tell"  # the newest word: the visit becomes what it says
    CANCEL = "cancel"  # the visit is cancelled, for good
    LATE = "late"  # older than what is known
    OVER = "over"  # about an appointment that was cancelled: nothing revives it


def tie(event: str, control_id: str) -> str:
    """The order of messages of the same moment: by what they tell, then by their control id, whose numbers count as numbers."""
    numbered = _NUMBER.sub(lambda found: f"{len(found[0]):02}{found[0]}", control_id[:_LONGEST])
    return f"{_RANKS.get(event, 0)}{numbered}"[: _LONGEST + 20]


def weigh(known: Word | None, word: Word) -> Move:
    """What `word` does where `known` is known."""
    if known is not None and known.status in OVER:
        return Move.OVER if word.status in OVER or _newer(word, known) else Move.LATE
    if word.status in OVER:
        return Move.CANCEL
    return Move.TELL if known is None or _newer(word, known) else Move.LATE


def after(known: Word | None, word: Word) -> Word:
    """What is known when `word` has been heard too."""
    return word if known is None or weigh(known, word) in {Move.TELL, Move.CANCEL} else known


def _newer(word: Word, known: Word) -> bool:
    return (word.at, word.tie) > (known.at, known.tie)
