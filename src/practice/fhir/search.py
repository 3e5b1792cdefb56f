"""FHIR search over the hospital's few resource types: strict about parameters it does not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from practice.fhir.resources import Resource

Test = Callable[[Resource, str], bool]

_DATE = re.compile(r"^(eq|ge|le|gt|lt)?(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$")
CONTROL = frozenset({"_count", "_offset", "_format", "_sort"})


class BadSearch(Exception):
    """A search that cannot be understood; its text says why."""


def _either(test: Test) -> Test:
    """A comma means or."""
    return lambda resource, value: any(test(resource, part) for part in value.split(","))


def _identifier(resource: Resource, value: str) -> bool:
    system, bar, number = value.rpartition("|")
    return any(i["value"] == number and (not bar or i.get("system", "") == system) for i in resource["identifier"])


def _name(part: str) -> Test:
    def matches(resource: Resource, value: str) -> bool:
        name = resource["name"][0]
        texts = {"family": [name["family"]], "given": name["given"], "name": [name["family"], *name["given"], name["text"]]}[part]
        return any(text.casefold().startswith(value.casefold()) for text in texts)

    return matches


def _is(*path: str) -> Test:
    def matches(resource: Resource, value: str) -> bool:
        return bool(resource.get(path[0]) == value)

    return matches


def _references(resource: Resource) -> Iterable[str]:
    if "subject" in resource:
        yield resource["subject"]["reference"]
    for participant in resource["participant"]:
        yield (participant.get("actor") or participant["individual"])["reference"]
    for where in resource.get("location", []):
        yield where["location"]["reference"]
    for made_by in resource.get("appointment", []):
        yield made_by["reference"]


def _refers(kind: str) -> Test:
    def matches(resource: Resource, value: str) -> bool:
        wanted = value.removeprefix(f"{kind}/") if kind else value
        return any(r == (f"{kind}/{wanted}" if kind else wanted) for r in _references(resource))

    return matches


def _day_range(value: str) -> tuple[str, datetime, datetime]:
    match = _DATE.match(value)
    if not match:
        raise BadSearch(f"date must be like ge2026-11-21 or 2026-11-21T10:30:00Z, not {value[:40]!r}")
    try:
        if not match[3]:
            start = datetime.combine(date.fromisoformat(match[2]), datetime.min.time()).astimezone()
            return match[1] or "eq", start, start + timedelta(days=1)
        exact = datetime.fromisoformat(match[2] + match[3]).astimezone()
        return match[1] or "eq", exact, exact + timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise BadSearch(f"no such date: {value[:40]!r}") from error


def _date(resource: Resource, value: str) -> bool:
    how, begin, end = _day_range(value)
    start = datetime.fromisoformat(resource.get("start") or resource["period"]["start"])
    return {"eq": begin <= start < end, "ge": start >= begin, "gt": start >= end, "le": start < end, "lt": start < begin}[how]


_COMMON: dict[str, Test] = {"_id": _is("id"), "identifier": _identifier}
_PEOPLE: dict[str, Test] = {**_COMMON, "family": _name("family"), "given": _name("given"), "name": _name("name")}
TESTS: dict[str, dict[str, Test]] = {
    "Patient": {**_PEOPLE, "birthdate": _is("birthDate"), "gender": _is("gender")},
    "Practitioner": _PEOPLE,
    "Appointment": {
        **_COMMON,
        "patient": _refers("Patient"),
        "practitioner": _refers("Practitioner"),
        "location": _refers("Location"),
        "actor": _refers(""),
        "status": _is("status"),
        "date": _date,
    },
    "Encounter": {
        **_COMMON,
        "patient": _refers("Patient"),
        "subject": _refers(""),
        "participant": _refers(""),
        "appointment": _refers(""),
        "status": _is("status"),
        "date": _date,
    },
}


def search(resources: Iterable[Resource], kind: str, params: Iterable[tuple[str, str]]) -> list[Resource]:
    """Those that match every parameter.

    Raises:
        BadSearch: for a parameter or value that is not understood, or no criterion at all.
    """
    wanted: list[tuple[Test, str]] = []
    for name, value in params:
        if name in CONTROL:
            continue
        test = TESTS[kind].get(name)
        if test is None:
            raise BadSearch(f"{kind} is not searchable by {name[:40]!r}")
        if not value:
            raise BadSearch(f"{name} has no value")
        wanted.append((test if name == "date" else _either(test), value))
    if not wanted:
        raise BadSearch("at least one search parameter is required")
    return [resource for resource in resources if all(test(resource, value) for test, value in wanted)]


def count_of(value: str, *, default: int, most: int) -> int:
    """A `_count` or `_offset` as a number."""
    if not value:
        return default
    if not re.fullmatch(r"\d{1,6}", value):
        raise BadSearch(f"not a number: {value[:20]!r}")
    return min(int(value), most)


def bundle(resources: list[Resource], *, base: str, links: list[dict[str, str]], total: int) -> dict[str, Any]:
    """A searchset."""
    entries = [{"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links, "entry": entries}
