"""The pages of the report: the list with its chart, and the file."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import get
from litestar.response import Stream

from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.messages.desk import words
from vestibule.messages.desk.chart import bars
from vestibule.messages.desk.frame import READERS, AnyRequest, AnyResponse, Desk, show
from vestibule.messages.model import Purpose, Status
from vestibule.messages.report import PRODUCT, RANGES, Wish
from vestibule.platform.audit import Actor

_ASKED: Final = ("days", "purpose", "status", "sender", "connection")
_USUAL: Final = 30


@get("/s/{sid:uuid}/messages/report", access=READERS)
async def report_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """What was sent; `?days=`, `purpose`, `status`, `sender`, `connection` narrow it."""
    asked, after = _asked(request), str(request.query_params.get("after", ""))
    wish = _wish(asked)
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        found = await desk.reporting.listing(tx, wish, after=after)
        totals = await desk.reporting.totals(tx, wish)
        senders = await desk.reporting.senders(tx)
    given = {name: value for name, value in asked.items() if value and (name != "days" or value != str(_USUAL))}
    return show(
        request,
        principal,
        "report.html",
        over,
        found=found,
        first=not after,
        totals=totals,
        bars=bars(totals.months),
        asked={**asked, "days": str(wish.days)},
        ranges=RANGES,
        product=PRODUCT,
        filtered=any(name != "days" for name in given),
        query=urlencode(given),
        without_days=urlencode({name: value for name, value in given.items() if name != "days"}),
        senders=[("", _all()), *((str(one), address) for one, address in senders)],
        connections=[("", _all()), *((str(one), name) for one, name in over.connections)],
        purposes=[("", _all()), *words.purposes().items()],
        statuses=[("", _all()), *words.statuses().items()],
        purpose_words=words.purposes(),
        status_words=words.statuses(),
        state_words=words.states(),
    )


@get("/s/{sid:uuid}/messages/report.csv", access=READERS)
async def report_csv(request: AnyRequest, principal: Principal, actor: Actor, desk: Desk) -> Stream:
    """The same list, all of it, as CSV. Taking it is noted."""
    wish = _wish(_asked(request))
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.reporting.exporting(tx, wish, by=actor)
    headers = {"content-disposition": 'attachment; filename="sms-report.csv"', "cache-control": "no-store"}
    return Stream(desk.reporting.as_csv(principal.tenant, wish), media_type="text/csv", headers=headers)


def _all() -> str:
    return words.everything()


def _asked(request: AnyRequest) -> dict[str, str]:
    return {name: str(request.query_params.get(name, ""))[:50].strip() for name in _ASKED}


def _wish(asked: dict[str, str]) -> Wish:
    """What was asked for; what makes no sense narrows nothing."""
    days = int(asked["days"]) if asked["days"] in {str(each) for each in RANGES} else _USUAL
    connection = _uuid(asked["connection"])
    return Wish(
        days=days,
        purpose=_choice(Purpose, asked["purpose"]),
        status=_choice(Status, asked["status"]),
        sender=_uuid(asked["sender"]),
        connection=None if connection is None else ConnectionId(connection),
    )


def _choice(kind: Any, text: str) -> Any:
    return kind(text) if text in {one.value for one in kind} else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = [report_page, report_csv]
