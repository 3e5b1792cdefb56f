"""Quarantine: messages that could not be applied, why, and what a person does with them."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.feed import words
from vestibule.feed.looking import FeedLooking
from vestibule.feed.routes.common import READERS, WRITERS, AnyRequest, AnyResponse, show, where
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.kit.numbers import digits
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.meanings import meaning
from vestibule.platform.web.pages import see_other
from vestibule.tenancy.service import Tenancy

_ROW_DIGITS = 18


class Which(msgspec.Struct, forbid_unknown_fields=True):
    """One message, all of a code, or all there are; `sure` is pressed for many."""

    row: str = ""
    code: str = ""


@get("/s/{sid:uuid}/feed/{connection:uuid}/quarantine", access=READERS)
async def quarantine_page(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    tenancy: Tenancy,
    feed_looking: FeedLooking,
    clock: Clock,
    code: str = "",
    after: str = "",
) -> AnyResponse:
    """What waits for a person, the newest first; `?code=` narrows, `after` goes on."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        codes = await feed_looking.codes(tx, one.id)
        code = code if code in dict(codes) else ""
        found = await feed_looking.quarantine(tx, one.id, code=code, after=after)
    return show(
        request,
        principal,
        "quarantine.html",
        brand=one.brand,
        one=one,
        codes=[(name, many, meaning(name)) for name, many in codes],
        found=found,
        code=code,
        first=not after,
        query=urlencode({"code": code}) if code else "",
        now=clock.now(),
        words=words,
    )


@post("/s/{sid:uuid}/feed/{connection:uuid}/quarantine/redrive", access=WRITERS)
async def redrive(
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Which],
    db: Database,
    tenancy: Tenancy,
    feed_looking: FeedLooking,
    actor: Actor,
) -> AnyResponse:
    """Apply them once more, then back to the list."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        await feed_looking.redrive(tx, one.id, by=actor, row=_row(data), code=data.code)
    return see_other(f"/s/{principal.session}/feed/{connection}/quarantine")


@post("/s/{sid:uuid}/feed/{connection:uuid}/quarantine/drop", access=WRITERS)
async def drop(
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Which],
    db: Database,
    tenancy: Tenancy,
    feed_looking: FeedLooking,
    actor: Actor,
) -> AnyResponse:
    """Let go of them, then back to the list."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        await feed_looking.drop(tx, one.id, by=actor, row=_row(data), code=data.code)
    return see_other(f"/s/{principal.session}/feed/{connection}/quarantine")


@get("/s/{sid:uuid}/feed/{connection:uuid}/messages/{row:int}", access=READERS)
async def message_page(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    row: int,
    db: Database,
    tenancy: Tenancy,
    feed_looking: FeedLooking,
    clock: Clock,
) -> AnyResponse:
    """One message, with everything of a person hidden."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        look = await feed_looking.look(tx, one.id, row)
    code = look.row.code or look.unreadable
    return show(
        request,
        principal,
        "message.html",
        brand=one.brand,
        one=one,
        look=look,
        code=code,
        meaning=meaning(code) if code else None,
        text=None,
        now=clock.now(),
        words=words,
    )


@post("/s/{sid:uuid}/feed/{connection:uuid}/messages/{row:int}/reveal", access=WRITERS, status_code=200)
async def reveal(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    row: int,
    db: Database,
    tenancy: Tenancy,
    feed_looking: FeedLooking,
    clock: Clock,
    actor: Actor,
) -> AnyResponse:
    """The message as it came; that it was read is noted."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        look = await feed_looking.look(tx, one.id, row)
        _line, text = await feed_looking.reveal(tx, one.id, row, by=actor)
    code = look.row.code or look.unreadable
    return show(
        request,
        principal,
        "message.html",
        brand=one.brand,
        one=one,
        look=look,
        code=code,
        meaning=meaning(code) if code else None,
        text=text,
        now=clock.now(),
        words=words,
    )


def _row(data: Which) -> int | None:
    """Which one; a number that is none of ours finds nothing."""
    return (digits(data.row, most=_ROW_DIGITS) or 0) if data.row else None


ROUTES = [quarantine_page, redrive, drop, message_page, reveal]
