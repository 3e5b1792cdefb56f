"""Connections for programs: drafts, submission, history. Approval is for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.response import Response

from vestibule.api.operations import Operation
from vestibule.api.shapes import (
    ChangeOut,
    ConnectionIn,
    ConnectionLineOut,
    ConnectionQuery,
    KeyOut,
    Listing,
    VersionOut,
)
from vestibule.api.wire import answer, body, nothing, query, stale, wanted_tag
from vestibule.errors import Conflict, NotAllowed, NotFound
from vestibule.identity.model import Caller, StaffRole
from vestibule.kit.ids import ConnectionId, MemberId, TenantId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.protocols.jose import certificate
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Content, Version
from vestibule.tenancy.service import ConnectionKey, Tenancy

CONNECTIONS: Final = "/api/v1/connections"
_ONE: Final = CONNECTIONS + "/{connection:uuid}"
_WRITERS = Access.token(StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER)
_LINE = ConnectionLineOut.__struct_fields__
_CONTENT = [name for name in Content.__slots__ if name in VersionOut.__struct_fields__]


@get(
    CONNECTIONS,
    access=Access.token(),
    api=Operation(
        "listConnections", "List connections; `state` is that of the newest version.", Listing[ConnectionLineOut], query=ConnectionQuery
    ),
)
async def list_connections(request: Request[Any, Any, Any], principal: Caller, db: Database, approvals: Approvals) -> Response[Any]:
    """By name."""
    asked = query(request, ConnectionQuery)
    wanted = {name: value for name in ("environment", "state") if isinstance(value := getattr(asked, name), str)}
    async with db.tenant(principal.tenant) as tx:
        page = await approvals.lines(tx, search=asked.search, after=asked.after, limit=asked.limit, **wanted)
    items = [ConnectionLineOut(**{name: getattr(one, name) for name in _LINE}) for one in page.items]
    return answer(Listing[ConnectionLineOut](items=items, next=page.next))


@post(
    CONNECTIONS,
    access=_WRITERS,
    status_code=201,
    api=Operation(
        "startConnection",
        "Begin a connection, as a draft; its keys are made.",
        VersionOut,
        201,
        body=ConnectionIn,
        tagged=True,
        unprocessable=True,
    ),
)
async def start_connection(
    request: Request[Any, Any, Any], principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """A draft serves nothing."""
    asked = await body(request, ConnectionIn)
    secret = asked.client_secret if isinstance(asked.client_secret, str) else ""
    async with db.tenant(principal.tenant) as tx:
        return _version(await approvals.start(tx, _content(asked), secret=secret, by=actor), created=True)


@get(_ONE, access=Access.token(), api=Operation("readConnection", "Read the newest version of a connection.", VersionOut, tagged=True))
async def read_connection(connection: UUID, principal: Caller, db: Database, approvals: Approvals) -> Response[Any]:
    """What is being worked at or, failing that, what is in force."""
    async with db.tenant(principal.tenant) as tx:
        return _version(await approvals.newest(tx, ConnectionId(connection)))


@put(
    _ONE,
    access=_WRITERS,
    api=Operation(
        "saveConnection",
        "Save a draft of the whole connection; what is in force goes on serving.",
        VersionOut,
        body=ConnectionIn,
        matched=True,
        tagged=True,
        unprocessable=True,
    ),
)
async def save_connection(
    request: Request[Any, Any, Any], connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """The whole of it: what is left out has its usual value."""
    wanted_tag(request)
    asked = await body(request, ConnectionIn)
    secret = asked.client_secret if isinstance(asked.client_secret, str) else None
    save = partial(approvals.save, content=_content(asked), secret=secret)
    return await _matched(request, ConnectionId(connection), principal, db, approvals, actor, save)


@delete(
    _ONE,
    access=_WRITERS,
    status_code=200,  # what it answers is 204, which Litestar lets a Response say only itself
    api=Operation(
        "removeConnection", "Remove a connection: it answers no launch any more; visits under way go on.", status=204, matched=True
    ),
)
async def remove_connection(
    request: Request[Any, Any, Any], connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """Its past stays."""
    return await _matched(request, ConnectionId(connection), principal, db, approvals, actor, approvals.remove)


@post(
    f"{_ONE}/submit",
    access=_WRITERS,
    status_code=200,
    api=Operation(
        "submitConnection",
        "Submit the draft: to its approver, or into force at once where no approval is needed.",
        VersionOut,
        matched=True,
        tagged=True,
        unprocessable=True,
    ),
)
async def submit_connection(
    request: Request[Any, Any, Any], connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """Where two persons are needed, one of them must submit it."""
    return await _matched(request, ConnectionId(connection), principal, db, approvals, actor, approvals.submit)


@post(
    f"{_ONE}/withdraw",
    access=_WRITERS,
    status_code=200,
    api=Operation("withdrawConnection", "Take a submission back: it is a draft again.", VersionOut, matched=True, tagged=True),
)
async def withdraw_connection(
    request: Request[Any, Any, Any], connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """What was in force serves on."""
    return await _matched(request, ConnectionId(connection), principal, db, approvals, actor, approvals.withdraw)


@post(
    f"{_ONE}/discard",
    access=_WRITERS,
    status_code=200,
    api=Operation("discardConnection", "Give up the draft and go back to what is in force.", VersionOut, matched=True, tagged=True),
)
async def discard_connection(
    request: Request[Any, Any, Any], connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor
) -> Response[Any]:
    """The numbers of given-up versions are not used again."""
    return await _matched(request, ConnectionId(connection), principal, db, approvals, actor, approvals.discard)


@post(
    f"{_ONE}/approve",
    access=Access.token(),
    status_code=200,
    api=Operation("approveConnection", "Always refused: approval is a person's act. The answer says so.", VersionOut),
)
async def approve_connection() -> Response[Any]:
    """The approver shows by signing in to the EHR that they belong to it; no token can show that."""
    raise NotAllowed(
        "approval-needs-person",
        "A program cannot approve: the approver must sign in to the EHR themselves. Submit the draft; they find it in the portal.",
        phase="api",
    )


# ---------------------------------------------------------------------- reading


@get(
    f"{_ONE}/in-force",
    access=Access.token(),
    api=Operation("readConnectionInForce", "Read the version that serves launches; 404 when none does.", VersionOut),
)
async def read_in_force(connection: UUID, principal: Caller, db: Database, approvals: Approvals) -> Response[Any]:
    """What serves."""
    async with db.tenant(principal.tenant) as tx:
        version = await approvals.in_force(tx, ConnectionId(connection))
    if version is None:
        raise NotFound("no-such-thing", "Nothing of this connection is in force.", phase="tenancy")
    return answer(_version_out(version))


@get(
    f"{_ONE}/changes",
    access=Access.token(),
    api=Operation("listConnectionChanges", "What the newest version would change of what is in force.", Listing[ChangeOut]),
)
async def list_changes(connection: UUID, principal: Caller, db: Database, approvals: Approvals) -> Response[Any]:
    """What the approver sees."""
    async with db.tenant(principal.tenant) as tx:
        found = await approvals.changes(tx, ConnectionId(connection))
    return answer(Listing[ChangeOut](items=[ChangeOut(field=one.field, was=one.was, now=one.now) for one in found], next=""))


@get(
    f"{_ONE}/versions",
    access=Access.token(),
    api=Operation("listConnectionVersions", "Every version there was, newest first.", Listing[VersionOut]),
)
async def list_versions(connection: UUID, principal: Caller, db: Database, approvals: Approvals) -> Response[Any]:
    """Of a removed connection too."""
    async with db.tenant(principal.tenant) as tx:
        found = await approvals.history(tx, ConnectionId(connection))
    if not found:
        raise NotFound("no-such-thing", "There is no such thing here.", phase="tenancy")
    return answer(Listing[VersionOut](items=[_version_out(one) for one in found], next=""))


# ---------------------------------------------------------------------- keys


@get(f"{_ONE}/keys", access=Access.token(), api=Operation("listKeys", "List the published signing keys, newest first.", Listing[KeyOut]))
async def list_keys(connection: UUID, principal: Caller, db: Database, approvals: Approvals, tenancy: Tenancy) -> Response[Any]:
    """Their public side stands in the connection's JWKS."""
    async with db.tenant(principal.tenant) as tx:
        await approvals.newest(tx, ConnectionId(connection))
        return _keys(await tenancy.signing_keys(tx, ConnectionId(connection)))


@post(
    f"{_ONE}/keys",
    access=_WRITERS,
    status_code=201,
    api=Operation(
        "rotateKeys", "Make new keys: published at once, signing a day later, the old ones published a day longer.", Listing[KeyOut], 201
    ),
)
async def rotate_keys(connection: UUID, principal: Caller, db: Database, approvals: Approvals, actor: Actor) -> Response[Any]:
    """Answers the new ones."""
    async with db.tenant(principal.tenant) as tx:
        return _keys(await approvals.rotate(tx, ConnectionId(connection), by=actor), status=201)


@get(
    f"{_ONE}/keys/{{kid:str}}/certificate",
    access=Access.token(),
    api=Operation(
        "readCertificate",
        "Read a key's public half as a Base64 certificate, for records that take a `.cer` file.",
        str,
        media="application/pkix-cert",
    ),
)
async def read_certificate(
    connection: UUID, kid: str, principal: Caller, db: Database, approvals: Approvals, tenancy: Tenancy
) -> Response[Any]:
    """The same file as in the portal."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        content = (await approvals.newest(tx, one)).content
        keys = await tenancy.signing_keys(tx, one)
    found = next((key for key in keys if key.key.kid == kid), None)
    if found is None:
        raise NotFound("key-not-found", "This connection has no such key, or no longer.", phase="tenancy.keys")
    text = certificate(found.key, name=f"Vestibule {content.environment.value} {one}"[:64], active_from=found.active_from)
    return Response(text, media_type="application/pkix-cert")


def _keys(keys: list[ConnectionKey], status: int = 200) -> Response[Any]:
    items = [KeyOut(kid=one.key.kid, alg=one.key.alg, active_from=one.active_from, retires_at=one.retires_at) for one in keys]
    return answer(Listing[KeyOut](items=items, next=""), status=status)


# ---------------------------------------------------------------------- steps


async def _matched(
    request: Request[Any, Any, Any],
    connection: ConnectionId,
    principal: Caller,
    db: Database,
    approvals: Approvals,
    actor: Actor,
    act: Callable[..., Awaitable[Version | None]],
) -> Response[Any]:
    """Take a step of Approvals on the revision that If-Match names; the service itself compares it under its lock."""
    tag = wanted_tag(request)
    async with db.tenant(principal.tenant) as tx:
        newest = await approvals.newest(tx, connection)
        if tag not in {"*", str(newest.revision)}:
            raise stale()
        try:
            version = await act(tx, connection, revision=newest.revision, by=actor)
        except Conflict as error:
            if error.code == "connection-changed":
                raise stale() from error
            raise
    return nothing() if version is None else _version(version)


def _content(asked: ConnectionIn) -> Content:
    fields = {name: getattr(asked, name) for name in Content.__slots__ if name in asked.__struct_fields__}
    fields["frame_ancestors"] = tuple(asked.frame_ancestors)
    fields["shared_with"] = tuple(TenantId(one) for one in asked.shared_with)
    fields["approver"] = MemberId(asked.approver) if asked.approver else None
    return Content(**fields)


def _version(one: Version, *, created: bool = False) -> Response[Any]:
    location = f"{CONNECTIONS}/{one.connection}" if created else ""
    return answer(_version_out(one), status=201 if created else 200, tag=str(one.revision), location=location)


def _version_out(one: Version) -> VersionOut:
    content = {name: getattr(one.content, name) for name in _CONTENT}
    own = {name: getattr(one, name) for name in VersionOut.__struct_fields__ if name not in content and name != "id"}
    return msgspec.convert({"id": one.connection, **own, **content}, VersionOut, from_attributes=True)


ROUTES = [
    list_connections,
    start_connection,
    read_connection,
    save_connection,
    remove_connection,
    submit_connection,
    withdraw_connection,
    discard_connection,
    approve_connection,
    read_in_force,
    list_changes,
    list_versions,
    list_keys,
    rotate_keys,
    read_certificate,
]
