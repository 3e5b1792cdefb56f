"""Planned and recent messages in words, and what only a person can decide: whether one arrived whose answer was lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from litestar import get, post

from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import VisitId
from vestibule.messages.desk import words
from vestibule.messages.desk.frame import READERS, AnyRequest, AnyResponse, Desk, back, show
from vestibule.messages.model import Message, MessageState
from vestibule.messages.said import words_of
from vestibule.platform.audit import Actor
from vestibule.platform.db import Tx
from vestibule.platform.web.access import Access

DECIDERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER)
_SHOWN: Final = ("recent", "planned", "attention")
_LIMIT: Final = 100


@get("/s/{sid:uuid}/messages/log", access=READERS)
async def log_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """The newest messages; `?show=recent`, `planned` or `attention`, or `?visit=` for those of one visit."""
    shown = str(request.query_params.get("show", ""))
    shown = shown if shown in _SHOWN else "recent"
    visit = _uuid(str(request.query_params.get("visit", "")))
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        found = await _found(desk, tx, shown, visit)
        attention, planned = await desk.outcomes.numbers(tx)
    senders = {one.sender.id: one.sender.address for one in over.senders}
    return show(
        request,
        principal,
        "log.html",
        over,
        lines=[_line(one, senders) for one in found],
        shown=shown,
        visit=visit,
        attention=attention,
        planned=planned,
        full=len(found) == _LIMIT,
        decides=bool(principal.roles & {StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER}),
    )


@post("/s/{sid:uuid}/messages/log/{message:uuid}/arrived", access=DECIDERS)
async def message_arrived(request: AnyRequest, principal: Principal, message: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """Somebody knows that it arrived, though its answer was lost."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.outcomes.arrived(tx, message, by=actor)
    return _back(request, principal)


@post("/s/{sid:uuid}/messages/log/{message:uuid}/give-up", access=DECIDERS)
async def message_given_up(request: AnyRequest, principal: Principal, message: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """Leave it at that: a failed one has been seen, an unknown one counts as failed, a planned one is not sent."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.outcomes.give_up(tx, message, by=actor)
    return _back(request, principal)


async def _found(desk: Desk, tx: Tx, shown: str, visit: UUID | None) -> Sequence[Message]:
    if visit is not None:
        return await desk.messages.of_visit(tx, VisitId(visit))
    if shown == "planned":
        return await desk.outcomes.waiting(tx, _LIMIT)
    return await (desk.outcomes.open(tx, _LIMIT) if shown == "attention" else desk.outcomes.newest(tx, _LIMIT))


def _line(one: Message, senders: dict[UUID, str]) -> dict[str, Any]:
    """A message as a line of the page."""
    state, why = words_of(one)
    tone = words.states()[one.state.value][1]
    told = state if one.state is not MessageState.PLANNED else words.states()[one.state.value][0]
    return {
        "id": one.id,
        "at": one.sent_at or one.due_at,
        "planned": one.state is MessageState.PLANNED,
        "unknown": one.state is MessageState.UNKNOWN,
        "failed": one.state is MessageState.FAILED,
        "what": words.purposes()[one.purpose.value],
        "ahead": words.ahead(one.minutes) if one.minutes else "",
        "channel": words.channels()[one.channel.value],
        "state": told,
        "why": why,
        "tone": tone,
        "code": one.code,
        "sender": senders.get(one.sender, "") if one.sender else "",
        "visit": str(one.visit),
        "about": one.about,
        "test": one.test,
    }


def _back(request: AnyRequest, principal: Principal) -> AnyResponse:
    shown, visit = str(request.query_params.get("show", "")), _uuid(str(request.query_params.get("visit", "")))
    if visit is not None:
        return back(principal, f"log?visit={visit}")
    return back(principal, "log" + (f"?show={shown}" if shown in _SHOWN else ""))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = [log_page, message_arrived, message_given_up]
