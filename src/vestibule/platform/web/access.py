"""Default deny: every route says who may use it, and a guard asks before a byte of the body is read.

@get("/s/{sid:uuid}/console", access=Access.session(Role.CLINICIAN))
async def console(request: Request, principal: Principal, visits: Visits) -> Response: ...
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any, ClassVar

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from vestibule.errors import NotAllowed, NotSignedIn
from vestibule.platform.web.config import Prover, WebConfig
from vestibule.platform.web.cookies import COOKIE_PREFIX, cookie_name, parse

Connection = ASGIConnection[Any, Any, Any, Any]


class Rule:
    """Who may use a route. `where` says it in words for the documentation."""

    words: str = "nobody"

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """Return, or raise NotSignedIn or NotAllowed."""
        raise NotImplementedError


class _Public(Rule):
    words = "anyone"

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """Everyone is welcome."""


class _Internal(Rule):
    words = "this machine, or whoever holds the metrics token"

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """With a token set, the token decides; without one, only this machine may ask."""
        if config.metrics_token:
            said = connection.headers.get("authorization", "")
            if not hmac.compare_digest(said.encode(), f"Bearer {config.metrics_token}".encode()):
                raise NotSignedIn("metrics-token-missing", "A valid bearer token is needed.", phase="web")
        elif not connection.scope["state"]["client"].is_loopback:
            raise NotAllowed("metrics-loopback-only", "Set a metrics token to ask from elsewhere.", phase="web")


class _Cells(Rule):
    words = "another cell of ours"

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """The secret the cells share; where none is set, nobody is one."""
        said = connection.headers.get("authorization", "")
        if not config.cells_token or not hmac.compare_digest(said.encode(), f"Bearer {config.cells_token}".encode()):
            raise NotSignedIn("cells-token-missing", "This is for the cells of other regions only.", phase="cells")


class _Session(Rule):
    def __init__(self, roles: Iterable[str]) -> None:
        self.roles = frozenset(roles)
        self.words = "session: " + (", ".join(sorted(self.roles)) or "any role")

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """The session named in the path must be proved by its own cookie, and have one of our roles."""
        who = await _proved(connection, config.prove)
        if who is None:
            raise NotSignedIn("session-over", "This page has expired. Please open your visit again.", phase="session")
        if self.roles and who.role not in self.roles:
            raise NotAllowed("role-not-allowed", "This page is not for you.", phase="session")


async def _proved(connection: Connection, prove: Prover) -> Any | None:
    """Whose session the path names, when the cookie is right; whatever the answer is, it may be framed as that session says."""
    sid = connection.path_params["sid"]
    state = connection.scope["state"]
    # Not connection.headers: Litestar would build and keep a whole mapping, for every watcher of a live page.
    cookies = parse("; ".join(value.decode("latin-1") for name, value in connection.scope["headers"] if name == b"cookie"))
    proof = await prove(sid, cookies.get(cookie_name(sid)))
    state["frame_origins"] = proof.frame_origins
    state["principal"] = proof.principal
    if proof.principal is None and any(name.startswith(COOKIE_PREFIX) for name in cookies):
        state["claimed"] = proof.claimed  # no browser sends another session's cookie here by itself
    return proof.principal


class _Staff(Rule):
    def __init__(self, roles: Iterable[str], *, quiet: bool) -> None:
        self.roles = frozenset(roles)
        self.quiet = quiet
        self.words = "session: staff" + (f" ({', '.join(sorted(self.roles))})" if self.roles else "")

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """A proved session of a member of the organisation who has one of our roles."""
        who = await _proved(connection, (config.glance if self.quiet else None) or config.prove)
        if who is None:
            raise NotSignedIn("signed-out", "You have been signed out.", phase="session.staff")
        if getattr(who, "member", None) is None or (self.roles and not self.roles & who.roles):
            raise NotAllowed("role-not-allowed", "This page is not for you.", phase="session")


class _Token(Rule):
    def __init__(self, roles: Iterable[str]) -> None:
        self.roles = frozenset(roles)
        self.words = "token: " + (", ".join(sorted(self.roles)) or "any role")

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """A bearer token (RFC 6750 2.1) of an organisation, with one of our roles."""
        scheme, _, said = connection.headers.get("authorization", "").partition(" ")
        caller = await config.prove_token(said.strip()) if scheme.lower() == "bearer" and said else None
        if caller is None:
            raise NotSignedIn("token-missing", "A valid bearer token is needed.", phase="api")
        connection.scope["state"]["principal"] = caller
        if self.roles and not self.roles & caller.roles:
            raise NotAllowed("role-not-allowed", "This token may not do that.", phase="api")


class _Either(Rule):
    def __init__(self, one: Rule, other: Rule) -> None:
        self.one, self.other = one, other
        self.words = f"{one.words} or {other.words.removeprefix('session: ')}"

    async def check(self, connection: Connection, config: WebConfig) -> None:
        """Whom the first rule does not allow, the second may."""
        try:
            await self.one.check(connection, config)
        except NotAllowed:
            await self.other.check(connection, config)


class Access:
    """The rules a route may declare."""

    PUBLIC: ClassVar[Rule] = _Public()
    INTERNAL: ClassVar[Rule] = _Internal()
    CELLS: ClassVar[Rule] = _Cells()

    @staticmethod
    def session(*roles: str) -> Rule:
        """A proved session with one of `roles` (none named: any). The route's path starts with `/s/{sid:uuid}/`."""
        return _Session(roles)

    @staticmethod
    def staff(*roles: str, quiet: bool = False) -> Rule:
        """A signed-in member of the organisation with one of `roles` (none named: any). The route's path starts with `/s/{sid:uuid}/`.

        `quiet` is for what a page asks by itself: it does not count as use, so nobody stays signed in because a page is open.
        """
        return _Staff(roles, quiet=quiet)

    @staticmethod
    def either(one: Rule, other: Rule) -> Rule:
        """What one of two rules allows."""
        return _Either(one, other)

    @staticmethod
    def token(*roles: str) -> Rule:
        """A program with a bearer token that has one of `roles`. The route's path starts with `/api/`."""
        return _Token(roles)


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Litestar's guard on every route; one that declares nothing is refused."""
    rule = handler.opt.get("access")
    if not isinstance(rule, Rule):
        raise NotAllowed("route-without-access", "This page is not available.", phase="web")
    try:
        await rule.check(connection, connection.app.state.web)
    except (NotSignedIn, NotAllowed) as refusal:
        connection.scope["state"]["refusal"] = refusal
        raise


def principal_of(scope: Any) -> Any:
    """The proved Principal, for plain ASGI mounts; ordinary handlers name a parameter `principal`."""
    return scope["state"]["principal"]


def allow_frames(request: Any, origins: Iterable[str]) -> None:
    """Let these origins frame the answer to this request, error pages included. Session routes have it from their session."""
    request.scope["state"]["frame_origins"] = tuple(origins)
