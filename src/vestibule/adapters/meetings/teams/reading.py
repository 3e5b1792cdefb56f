"""Members of what Microsoft answers and sends: a stranger's JSON, read one member at a time, of the right kind or not at all. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

_LONGEST: Final = 200
_MOST: Final = 10_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# ISO 8601 without years and months, which no measure has: `PT0.018S`.
_DURATION = re.compile(r"(-?)P(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7}(?:\.\d{1,9})?)S)?)?")


def member(value: Any, *names: str) -> Any:
    """The first of these members that is there and not null, whatever the case of its name; None when none is."""
    if not isinstance(value, Mapping):
        return None
    folded = {str(name).casefold(): one for name, one in value.items()}
    return next((folded[name.casefold()] for name in names if folded.get(name.casefold()) is not None), None)


def text(value: Any, *names: str, longest: int = _LONGEST) -> str:
    """A member that is a text, without control characters and cut; empty for anything else."""
    found = member(value, *names)
    return _CONTROLS.sub("", found)[:longest] if isinstance(found, str) else ""


def instant(value: Any, *names: str) -> datetime | None:
    """A member that is a time; one that names no zone is UTC, as all of Graph's are."""
    found = text(value, *names, longest=40)
    try:
        at = datetime.fromisoformat(found)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def number(value: Any, *names: str) -> float | None:
    """A member that is a number."""
    found = member(value, *names)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def seconds(value: Any, *names: str) -> float | None:
    """A member that is an ISO 8601 duration, in seconds."""
    match = _DURATION.fullmatch(text(value, *names, longest=40))
    if match is None or not any(match.groups()[1:]):
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups()[1:])
    total = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    return -total if match[1] else total


def each(value: Any, *names: str) -> Iterator[Mapping[str, Any]]:
    """The objects in a member that is a list; what is none is passed over."""
    found = member(value, *names)
    if isinstance(found, list):
        yield from (one for one in found[:_MOST] if isinstance(one, Mapping))


def written(at: datetime) -> str:
    """A time as Graph takes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
