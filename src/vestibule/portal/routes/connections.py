"""Connections: the list, one connection with its past, its certificates, and the commands that are no step of the set-up."""

from __future__ import annotations

import re
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import NotFound
from vestibule.identity.members import Members
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.pages import see_other
from vestibule.portal import words
from vestibule.portal.model import done, next_step, written
from vestibule.portal.pages import ADMINISTRATORS, READERS, AnyRequest, AnyResponse, query, show
from vestibule.portal.people import names_of
from vestibule.portal.reports import Reports
from vestibule.protocols.jose import certificate
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Environment, VersionState
from vestibule.tenancy.organisations import Organisations
from vestibule.tenancy.service import Tenancy

_STATES = ("draft", "awaiting", "approved", "rejected", "serving")
_FILE = re.compile(r"[^a-z0-9]+")


class Looked(msgspec.Struct, forbid_unknown_fields=True):
    """A press of a button about what was on the page."""

    revision: int


@get("/s/{sid:uuid}/connections", access=READERS)
async def connections_page(
    request: AnyRequest, principal: Principal, db: Database, organisations: Organisations, approvals: Approvals
) -> AnyResponse:
    """Connections by name, searched, filtered, a page at a time."""
    asked, after = query(request, "search", "environment", "state"), str(request.query_params.get("after", ""))
    if asked["environment"] not in set(Environment):
        asked["environment"] = ""
    if asked["state"] not in _STATES:
        asked["state"] = ""
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        found = await approvals.lines(tx, search=asked["search"], environment=asked["environment"], state=asked["state"], after=after)
    return show(
        request,
        principal,
        "connections.html",
        brand=brand,
        found=found,
        asked=asked,
        filtered=any(asked.values()),
        query=urlencode(asked),
        first=not after,
        vendors=words.vendors(),
        environments=words.environments(),
        pill=words.line_pill,
    )


@get("/s/{sid:uuid}/connections/{connection:uuid}", access=READERS)
async def connection_page(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    organisations: Organisations,
    approvals: Approvals,
    tenancy: Tenancy,
    members: Members,
    reports: Reports,
) -> AnyResponse:
    """One connection: what it is, how far its set-up is, its keys, its past."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        newest, serving = await approvals.newest(tx, one), await approvals.in_force(tx, one)
        report = await reports.one(tx, one, "check")
        keys = await tenancy.signing_keys(tx, one)
        history = await approvals.history(tx, one)
        people = await names_of(tx, members, {who for v in history for who in (v.made_by, v.decided_by, v.content.approver) if who})
    finished = done(newest, report)
    return show(
        request,
        principal,
        "connection.html",
        brand=brand,
        one=one,
        version=newest,
        serving=serving,
        values=written(newest.content),
        report=report,
        keys=keys,
        history=history,
        people=people,
        finished=finished,
        next_step=next_step(newest, finished),
        at_work=newest.state in {VersionState.DRAFT, VersionState.AWAITING, VersionState.REJECTED},
        steps=words.steps(),
        names=words.fields(),
        value_words=words.value_words,
        version_word=words.version_word,
        pill=words.state_pill(newest.state, serving=serving is not None),
    )


@get("/s/{sid:uuid}/connections/{connection:uuid}/certificates/{kid:str}", access=READERS)
async def certificate_file(
    principal: Principal, connection: UUID, kid: str, db: Database, tenancy: Tenancy, approvals: Approvals
) -> Response[bytes]:
    """The public half of one key as a Base64 `.cer` file."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        content = (await approvals.newest(tx, one)).content
        keys = await tenancy.signing_keys(tx, one)
    found = next((key for key in keys if key.key.kid == kid), None)
    if found is None:
        raise NotFound("key-not-found", "This connection has no such key, or no longer.", phase="tenancy.keys")
    body = certificate(found.key, name=f"Vestibule {content.environment.value} {one}"[:64], active_from=found.active_from)
    plain = _FILE.sub("-", content.name.lower()).strip("-")[:40] or "connection"
    name = f"vestibule-{plain}-{content.environment.value}-{found.key.alg.lower()}.cer"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/pkix-cert", headers=headers)


@post("/s/{sid:uuid}/connections/{connection:uuid}/keys/rotate", access=ADMINISTRATORS)
async def rotate(principal: Principal, connection: UUID, db: Database, approvals: Approvals, actor: Actor) -> AnyResponse:
    """New keys, with overlap: see the page."""
    async with db.tenant(principal.tenant) as tx:
        await approvals.rotate(tx, ConnectionId(connection), by=actor)
    return see_other(f"/s/{principal.session}/connections/{connection}/keys#keys")


@post("/s/{sid:uuid}/connections/{connection:uuid}/discard", access=ADMINISTRATORS)
async def discard(
    principal: Principal, connection: UUID, data: URLEncodedBody[Looked], db: Database, approvals: Approvals, actor: Actor
) -> AnyResponse:
    """Give the draft up; what is in force stays."""
    async with db.tenant(principal.tenant) as tx:
        await approvals.discard(tx, ConnectionId(connection), revision=data.revision, by=actor)
    return see_other(f"/s/{principal.session}/connections/{connection}")


@get("/s/{sid:uuid}/connections/{connection:uuid}/remove", access=ADMINISTRATORS)
async def remove_page(
    request: AnyRequest, principal: Principal, connection: UUID, db: Database, organisations: Organisations, approvals: Approvals
) -> AnyResponse:
    """Is that really meant?"""
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        version = await approvals.newest(tx, ConnectionId(connection))
        serving = await approvals.in_force(tx, ConnectionId(connection))
    return show(request, principal, "remove.html", brand=brand, one=connection, version=version, serving=serving)


@post("/s/{sid:uuid}/connections/{connection:uuid}/remove", access=ADMINISTRATORS)
async def remove(
    principal: Principal, connection: UUID, data: URLEncodedBody[Looked], db: Database, approvals: Approvals, actor: Actor
) -> AnyResponse:
    """It answers no launch any more."""
    async with db.tenant(principal.tenant) as tx:
        await approvals.remove(tx, ConnectionId(connection), revision=data.revision, by=actor)
    return see_other(f"/s/{principal.session}/connections")


ROUTES = [connections_page, connection_page, certificate_file, rotate, discard, remove_page, remove]
