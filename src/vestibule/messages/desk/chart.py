"""The report's chart as numbers for an SVG: a bar a month, what was sent below, what did not arrive on top. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vestibule.messages.report import Month

WIDTH: Final = 640
HEIGHT: Final = 200
_FOOT: Final = 28  # for the months' names
_HEAD: Final = 22  # for the numbers on top
_BAR: Final = 64


@dataclass(frozen=True, slots=True)
class Bar:
    """One month; lengths in the units of the SVG.

    Attributes:
        x: its left edge.
        sent_y, sent_height, failed_y, failed_height: its two parts.
    """

    month: str
    sent: int
    failed: int
    x: float
    sent_y: float
    sent_height: float
    failed_y: float
    failed_height: float

    @property
    def middle(self) -> float:
        """Where its words stand."""
        return self.x + _BAR / 2

    @property
    def top(self) -> float:
        """Above its bars."""
        return self.failed_y - 6


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the picture needs."""

    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT
    bar: int = _BAR
    ground: int = HEIGHT - _FOOT
    names: int = HEIGHT - 8


def bars(months: Sequence[Month]) -> Chart:
    """The bars, spread evenly; none where nothing was sent."""
    most = max((one.sent + one.failed for one in months), default=0)
    if not most:
        return Chart(())
    room, each = HEIGHT - _FOOT - _HEAD, WIDTH / len(months)
    return Chart(tuple(_bar(one, number * each + (each - _BAR) / 2, room / most) for number, one in enumerate(months)))


def _bar(one: Month, x: float, scale: float) -> Bar:
    sent, failed, ground = round(one.sent * scale, 2), round(one.failed * scale, 2), HEIGHT - _FOOT
    return Bar(one.month, one.sent, one.failed, round(x, 2), ground - sent, sent, round(ground - sent - failed, 2), failed)
