"""Who is connected to which visit, as the video system told us. Rebuilt at a start from the ledger, which is the truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

CONNECTED = "1"
DISCONNECTED = "2"
PROVIDER = "1"
PATIENT = "2"


class Seen(Struct, kw_only=True):
    """The last that was said of one person in one visit."""

    type: str
    person: str
    connected: bool
    at: str


class Live:
    """The last word on everybody; `version` grows with every word."""

    def __init__(self, told: Iterable[dict[str, Any]] = ()) -> None:
        self._visits: dict[str, dict[tuple[str, str], Seen]] = {}
        self.version = 0
        for entry in told:
            if entry.get("applied"):
                self.tell(**entry["applied"], at=entry["at"])

    def tell(self, *, visit: str, type: str, person: str, connected: bool, at: str) -> None:  # noqa: A002 - the word of the API
        """Take in one status call."""
        self._visits.setdefault(visit, {})[type, person] = Seen(type=type, person=person, connected=connected, at=at)
        self.version += 1

    def of(self, visit: str) -> list[Seen]:
        """Everybody ever told of in a visit."""
        return list(self._visits.get(visit, {}).values())

    def summary(self, visit: str) -> str:
        """One word for a schedule row: `both`, `provider`, `patient`, `left` or nothing."""
        seen = self.of(visit)
        present = {one.type for one in seen if one.connected}
        if {PROVIDER, PATIENT} <= present:
            return "both"
        if present:
            return "provider" if PROVIDER in present else "patient"
        return "left" if seen else ""
