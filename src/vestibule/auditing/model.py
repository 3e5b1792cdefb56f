"""What one looks for in the audit, and its rows as text. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from vestibule.platform.audit import Outcome
from vestibule.platform.audit.model import Written

COLUMNS: Final = (
    "number",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "session",
    "address",
    "reference",
    "action",
    "about_kind",
    "about_id",
    "outcome",
    "detail",
    "hash",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty finds everything.

    Attributes:
        since: from this moment on; until: before this one.
        search: an id, a reference or an action, wherever it stands.
        actors: members whose name was searched for.
    """

    since: datetime | None = None
    until: datetime | None = None
    action: str = ""
    outcome: Outcome | None = None
    actor: str = ""
    about: str = ""
    reference: str = ""
    search: str = ""
    actors: tuple[str, ...] = ()


def cells(written: Written, name: str) -> list[str]:
    """An entry as a row of the CSV file; times in UTC."""
    entry, who = written.entry, written.entry.actor
    detail = "; ".join(f"{key}={value}" for key, value in sorted(entry.detail.items()))
    return [
        str(written.seq),
        entry.at.isoformat(timespec="microseconds"),
        who.kind,
        who.id,
        name,
        who.session,
        who.address,
        who.reference,
        entry.action,
        entry.about_kind,
        entry.about_id,
        entry.outcome.value,
        detail,
        written.hash.hex(),
    ]


def local_moment(text: str, zone: str) -> datetime | None:
    """`2026-11-21T13:01` (or a date alone) on a place's clock as a moment; None when it is neither."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=ZoneInfo(zone)) if at.tzinfo is None else at
    except ValueError:
        return None
