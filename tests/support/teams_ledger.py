"""What the practice cloud's ledger says of a meeting, as the list of its visit must say it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from practice.teams.model import Call, Happening, Presence

Line = tuple[str, str, str]
Stay = tuple[str, str, str, str]


def expected(happened: list[Happening]) -> list[Line]:
    """What a visit must say of a meeting: (kind, role, time), in the order in which it happened."""
    lines: list[Line] = []
    there: dict[str, Presence] = {}
    for one in happened:
        if one.kind == "callEnded":
            lines += [("disconnected", _role(who), one.at) for who in there.values() if who.inside]
            lines.append(("call_ended", "", one.at))
            there.clear()
        for who in one.people:
            lines += [(kind, _role(who), one.at) for kind in _steps(there.get(who.id), who)]
            there[who.id] = who
    return lines


def _role(who: Presence) -> str:
    return "provider" if who.who == "user" else "patient"


def _steps(before: Presence | None, now: Presence) -> list[str]:
    was = before is not None and before.inside
    if now.inside:
        return [] if was else ["connected"]
    return ["disconnected"] if was else ["in_lobby"] if now.lobby and not now.gone else []


def stays(calls: list[Call]) -> list[Stay]:
    """What reports must say of a meeting: (report, role, from, to), to the second."""
    return sorted((call.id, _role(who), second(who.admitted), second(who.over)) for call in calls for who in call.attended)


def in_moments(lines: Sequence[Line]) -> list[Line]:
    """Lines in their order; those of one moment, as when a call ends for everybody, have none among themselves."""
    return [line for _, moment in groupby(lines, key=lambda line: line[2]) for line in sorted(moment)]


def is_part(some: Sequence[object], everything: Sequence[object]) -> bool:
    """Whether lines stand among others in their order."""
    rest = iter(everything)
    return all(line in rest for line in some)


def met(said: list[Stay]) -> bool:
    """Whether reports can show that both were there at once: they tell whole seconds, and hide a shorter meeting than that."""
    sides = {role: [(came, went) for _, who, came, went in said if who == role] for role in ("provider", "patient")}
    return any(a[0] < b[1] and b[0] < a[1] for a in sides["provider"] for b in sides["patient"])


def second(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(at: str) -> str:
    """A time as the practice cloud writes it."""
    return datetime.fromisoformat(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
