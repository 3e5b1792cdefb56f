"""The history of launches as pages: a list to search, and the story of one attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, get
from litestar.response import Response

from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.launch.history import Attempted, Filter, Outcome
from vestibule.launch.model import LaunchKind
from vestibule.launch.service import Launches
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.meanings import Meaning, meaning
from vestibule.platform.web.pages import page
from vestibule.tenancy.service import Tenancy

READERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)
_MOST: Final = 100  # characters of anything asked for
_PAGE: Final = 50
_TONES: Final = {Outcome.JOINED: "good", Outcome.FAILED: "bad", Outcome.UNDER_WAY: "wait", Outcome.LOST: ""}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list."""

    one: Attempted
    outcome: str
    tone: str
    who: str
    cause: str


@dataclass(frozen=True, slots=True)
class Step:
    """A line of an attempt's story.

    Attributes:
        at: when it began; None where that was not kept.
        ms: how long it took; None for a moment.
    """

    at: datetime | None
    words: str
    code: str = ""
    ms: float | None = None


@get("/s/{sid:uuid}/launches", access=READERS)
async def launches_page(
    request: Request[Any, Any, Any], principal: Principal, db: Database, launches: Launches, tenancy: Tenancy
) -> Response[Any]:
    """The newest attempts; `?reference=`, `outcome`, `code`, `connection`, `day` narrow it, `after` goes on."""
    asked = {name: _asked(request, name) for name in ("reference", "outcome", "code", "connection", "day")}
    after = request.query_params.get("after", "")
    async with db.tenant(principal.tenant) as tx:
        found = await launches.history.listing(tx, _filter(asked), after=after, limit=_PAGE)
        codes = await launches.history.codes(tx)
        connections = await tenancy.connection_names(tx)
        organisation = await tenancy.tenant(tx)
    given = {name: value for name, value in asked.items() if value}
    return page(
        request,
        "launch/launches.html",
        brand=organisation.name,
        support_phone="",
        base=f"/s/{principal.session}",
        lines=[_line(one) for one in found.items],
        next=found.next,
        first=not after,
        asked=asked,
        query=urlencode(given),
        outcomes=[("", _("All")), *((one.value, words) for one, words in outcome_words().items())],
        codes=[("", _("All")), *((code, code) for code in codes)],
        connections=[("", _("All")), *((str(key), name) for key, name in connections)],
    )


@get("/s/{sid:uuid}/launches/{launch:uuid}", access=READERS)
async def launch_page(
    request: Request[Any, Any, Any], principal: Principal, launch: UUID, db: Database, launches: Launches, tenancy: Tenancy
) -> Response[Any]:
    """One attempt: what happened when, and what its codes mean."""
    async with db.tenant(principal.tenant) as tx:
        one = await launches.history.one(tx, launch)
        organisation = await tenancy.tenant(tx)
    meanings: list[tuple[str, Meaning]] = [(code, meaning(code)) for code in one.codes]
    return page(
        request,
        "launch/launch.html",
        brand=organisation.name,
        support_phone="",
        base=f"/s/{principal.session}",
        line=_line(one),
        steps=story_of(one),
        meanings=meanings,
        seconds=duration(one.seconds),
        ours=round(sum(float(step.get("ms", 0)) for step in one.phases)),
    )


def _asked(request: Request[Any, Any, Any], name: str) -> str:
    """A word of the query, cut short; PostgreSQL takes no NUL."""
    return str(request.query_params.get(name, ""))[:_MOST].replace("\x00", "").strip()


def _filter(asked: dict[str, str]) -> Filter:
    """What was asked for; whatever makes no sense is not asked for."""
    return Filter(
        reference=asked["reference"],
        outcome=next((one for one in Outcome if one.value == asked["outcome"]), None),
        code=asked["code"],
        connection=_connection(asked["connection"]),
        day=_day(asked["day"]),
    )


def _connection(text: str) -> ConnectionId | None:
    try:
        return ConnectionId(UUID(text)) if text else None
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date.min < day < date.max - timedelta(days=1) else None


def _line(one: Attempted) -> Line:
    who = _("Clinician") if one.kind is LaunchKind.PROVIDER else _("Patient")
    cause = meaning(one.code).cause if one.code else ""
    return Line(one, outcome_words()[one.outcome], _TONES[one.outcome], who, cause)


def outcome_words() -> dict[Outcome, str]:
    """Each outcome as people say it."""
    return {
        Outcome.JOINED: _("Came in"),
        Outcome.FAILED: _("Failed"),
        Outcome.UNDER_WAY: _("Under way"),
        Outcome.LOST: _("Never came back"),
    }


def story_of(one: Attempted) -> list[Step]:
    """What happened, in its order."""
    steps = [Step(one.started_at, _("The button was pressed"))]
    steps += [Step(one.used_at, _("Came back from the record"))] if one.used_at else []
    steps += [_step(line) for line in one.phases]
    ends = {Outcome.JOINED: _("In the visit"), Outcome.FAILED: _("The calm error page was shown")}
    if one.outcome in ends and one.ended_at:
        steps.append(Step(one.ended_at, ends[one.outcome]))
    return _in_order(steps)


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """By their time; a step without one stays behind the step it followed."""
    last, timed = datetime.min.replace(tzinfo=UTC), []
    for step in steps:
        last = step.at or last
        timed.append((last, step))
    return [step for _at, step in sorted(timed, key=lambda pair: pair[0])]


def _step(line: dict[str, Any]) -> Step:
    try:
        at = datetime.fromisoformat(str(line.get("at", "")))
    except ValueError:
        at = None
    phase = str(line.get("phase", ""))
    return Step(at, phase_words().get(phase, phase), str(line.get("code", "")), float(line.get("ms", 0)))


def phase_words() -> dict[str, str]:
    """Each phase as an analyst would say it."""
    return {
        "launch.start": _("The launch address was checked"),
        "launch.discovery": _("Asked the record where to sign in"),
        "launch.authorize": _("The sign-in at the record"),
        "launch.callback": _("The way back was checked"),
        "launch.token": _("Traded the code for a token"),
        "launch.jwks": _("Fetched the record's keys"),
        "launch.id-token": _("Checked who signed in"),
        "launch.context": _("Looked which visit it is"),
        "launch.context.patient": _("Read the patient's entry"),
        "launch.context.practitioner": _("Read the clinician's entry"),
        "launch.context.encounter": _("Read the encounter"),
        "launch.context.appointment": _("Read the appointment"),
    }


def duration(seconds: float | None) -> str:
    """A length of time in a few characters."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004  below ten seconds a tenth matters
        return _("%(n).1f s") % {"n": seconds}
    return _("%(n)d s") % {"n": round(seconds)}


ROUTES = [launches_page, launch_page]
