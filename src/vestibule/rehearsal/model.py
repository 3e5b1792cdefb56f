"""A rehearsal's report as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a step went. NOTED worked or was left out, and somebody should know."""

    GOOD = "good"
    NOTED = "noted"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Found:
    """What a step found out.

    Attributes:
        what: in words.
        remedy: what to do; empty where there is nothing to do.
        code: of the error, where one was met.
    """

    state: State
    what: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the report."""

    name: str
    title: str
    at: datetime
    ms: int
    found: Found


@dataclass(frozen=True, slots=True)
class Report:
    """The whole rehearsal."""

    steps: tuple[Step, ...]

    @property
    def good(self) -> bool:
        """True when nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that did."""
        return tuple(step for step in self.steps if step.found.state is State.FAILED)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(step.ms for step in self.steps) / 1000
