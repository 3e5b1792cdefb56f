"""How feeds go: all of them in a list, and one by itself, kept fresh."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get

from vestibule.feed import words
from vestibule.feed.looking import FeedLooking
from vestibule.feed.routes.common import QUIET, READERS, AnyRequest, AnyResponse, show, where
from vestibule.feed.service import FeedSettingsService
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.platform.db import Database
from vestibule.tenancy.service import Tenancy


@get("/s/{sid:uuid}/feed", access=READERS)
async def feeds_page(
    request: AnyRequest,
    principal: Principal,
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    feed_looking: FeedLooking,
    clock: Clock,
) -> AnyResponse:
    """Every connection, and how its feed stands."""
    async with db.tenant(principal.tenant) as tx:
        brand = (await tenancy.tenant(tx)).name
        names = await tenancy.connection_names(tx)
        settings = await feed_settings.all(tx)
        waiting = await feed_looking.waiting(tx)
        last = {one: await feed_looking.last(tx, one) for one, _ in names if one in settings}
        certificates = await feed_settings.certificates(tx)
    now = clock.now()
    ends: dict[Any, list[tuple[str, str]]] = {}
    for one in certificates:
        ends.setdefault(one.connection, []).append(words.expiry(one, now))
    return show(
        request,
        principal,
        "feeds.html",
        brand=brand,
        names=names,
        settings=settings,
        waiting=waiting,
        last=last,
        ends=ends,
        now=now,
        words=words,
    )


@get("/s/{sid:uuid}/feed/{connection:uuid}", access=READERS)
async def feed_page(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    feed_looking: FeedLooking,
) -> AnyResponse:
    """How one feed goes now."""
    return await _live(request, principal, connection, db, tenancy, feed_settings, feed_looking, "feed.html")


@get("/s/{sid:uuid}/feed/{connection:uuid}/parts", access=QUIET)
async def feed_parts(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    feed_looking: FeedLooking,
) -> AnyResponse:
    """What of the page changes, for its script."""
    return await _live(request, principal, connection, db, tenancy, feed_settings, feed_looking, "parts.html")


async def _live(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    feed_looking: FeedLooking,
    template: str,
) -> AnyResponse:
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        settings = await feed_settings.get(tx, one.id)
        certificates = await feed_settings.certificates(tx, one.id)
        live = await feed_looking.live(tx, one.id, certificates)
    return show(
        request, principal, template, brand=one.brand, one=one, settings=settings, certificates=certificates, live=live, words=words
    )


ROUTES = [feeds_page, feed_page, feed_parts]
