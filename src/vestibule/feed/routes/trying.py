"""A message pasted to see what would be made of it. Nothing of it is kept, and nothing happens."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.feed import words
from vestibule.feed.looking import FeedLooking, Tried
from vestibule.feed.routes.common import READERS, WRITERS, AnyRequest, AnyResponse, Where, show, where
from vestibule.feed.service import FeedSettingsService
from vestibule.identity.model import Principal
from vestibule.kit.phone import mask
from vestibule.platform.db import Database
from vestibule.platform.web.meanings import meaning
from vestibule.tenancy.service import Tenancy

_MOST = 200_000  # characters


class TryForm(msgspec.Struct, forbid_unknown_fields=True):
    """A message, as it was pasted."""

    message: str = ""


@get("/s/{sid:uuid}/feed/{connection:uuid}/try", access=READERS)
async def try_page(request: AnyRequest, principal: Principal, connection: UUID, db: Database, tenancy: Tenancy) -> AnyResponse:
    """An empty form."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
    return _page(request, principal, one, None, "")


@post("/s/{sid:uuid}/feed/{connection:uuid}/try", access=WRITERS, status_code=200)
async def attempt(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[TryForm],
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    feed_looking: FeedLooking,
) -> AnyResponse:
    """What would be made of it."""
    text = data.message[:_MOST].strip()
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        settings = await feed_settings.get(tx, one.id)
        body = text.replace("\r\n", "\r").replace("\n", "\r").encode("utf-8", "replace")
        tried = await feed_looking.attempt(tx, settings, body) if text else None
    return _page(request, principal, one, tried, text, empty=not text)


def _page(request: AnyRequest, principal: Principal, one: Where, tried: Tried | None, text: str, *, empty: bool = False) -> AnyResponse:
    return show(
        request,
        principal,
        "try.html",
        brand=one.brand,
        status=400 if empty else 200,
        one=one,
        tried=tried,
        text=text,
        empty=empty,
        meaning=meaning(tried.code) if tried and tried.code else None,
        phone=mask(tried.reading.contact.phone) if tried and tried.reading and tried.reading.contact.phone else "",
        words=words,
    )


ROUTES = [try_page, attempt]
