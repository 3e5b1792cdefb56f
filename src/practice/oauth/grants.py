"""What is under way: launch tickets, codes, access and refresh tokens. All in memory: a restart signs everybody out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from practice.oauth.errors import OAuthError

_SWEEP_EVERY = 500


@dataclass(frozen=True)
class Person:
    """Whom a grant speaks for; `id` is the FHIR id."""

    kind: Literal["Practitioner", "Patient"]
    id: str


@dataclass(frozen=True)
class Context:
    """What was open when the app was launched. `user` is None for a backend service."""

    user: Person | None = None
    patient: str | None = None
    appointment: str | None = None
    record: str | None = None


@dataclass
class Ticket:
    """A `launch` value: good for one client, once, for a short while."""

    value: str
    client_id: str
    context: Context
    expires: float
    used: bool = False


@dataclass
class Code:
    """An authorization code and everything that its redemption must match."""

    value: str
    client_id: str
    redirect_uri: str
    challenge: str
    scopes: list[str]
    nonce: str
    context: Context
    expires: float
    used: bool = False
    family: str = field(default_factory=lambda: secrets.token_urlsafe(12))


@dataclass
class Token:
    """An access or a refresh token. Those that came from one code share a family."""

    value: str
    client_id: str
    scopes: list[str]
    context: Context
    expires: float
    family: str
    nonce: str = ""


class Grants:
    """Mints and remembers."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tickets: dict[str, Ticket] = {}
        self._codes: dict[str, Code] = {}
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._minted = 0

    def _mint(self, expires: float) -> tuple[str, float]:
        self._minted += 1
        if self._minted % _SWEEP_EVERY == 0:
            self._sweep()
        return secrets.token_urlsafe(32), self._now() + expires

    def _sweep(self) -> None:
        """Forget what is long over (an hour of grace, so that a late replay is still seen as one)."""
        old = self._now() - 3600
        stores: list[dict[str, Any]] = [self._tickets, self._codes, self._access]
        for store in stores:
            for key in [k for k, v in store.items() if v.expires < old]:
                del store[key]
        self._seen = {k: v for k, v in self._seen.items() if v >= self._now()}

    # launch tickets

    def ticket(self, client_id: str, context: Context, seconds: float) -> Ticket:
        """A fresh `launch` value."""
        value, expires = self._mint(seconds)
        made = Ticket(value, client_id, context, expires)
        self._tickets[value] = made
        return made

    def show_ticket(self, value: str, client_id: str) -> Ticket:
        """The ticket behind a `launch` value, if this client may still use it."""
        ticket = self._tickets.get(value)
        if ticket is None or ticket.client_id != client_id:
            raise OAuthError("invalid_request", "launch is unknown, or was made for another client")
        if ticket.used:
            raise OAuthError("invalid_request", "launch was used before")
        if ticket.expires < self._now():
            raise OAuthError("invalid_request", "launch has expired")
        return ticket

    # codes

    def code(self, seconds: float, **what: Any) -> Code:
        """A fresh authorization code."""
        value, expires = self._mint(seconds)
        made = Code(value=value, expires=expires, **what)
        self._codes[value] = made
        return made

    def redeem(self, value: str, client_id: str) -> Code:
        """Use a code, once. A second use revokes what the first one gave (RFC 6749 4.1.2)."""
        code = self._codes.get(value)
        if code is None or code.client_id != client_id:
            raise OAuthError("invalid_grant", "code is unknown, or was given to another client")
        if code.used:
            self.revoke(code.family)
            raise OAuthError("invalid_grant", "code was used before; the tokens it gave are revoked")
        code.used = True
        if code.expires < self._now():
            raise OAuthError("invalid_grant", "code has expired")
        return code

    # tokens

    def access(self, seconds: float, **what: Any) -> Token:
        """A fresh access token."""
        value, expires = self._mint(seconds)
        self._access[value] = made = Token(value=value, expires=expires, **what)
        return made

    def refresher(self, **what: Any) -> Token:
        """A fresh refresh token, good until it is revoked."""
        value, _ = self._mint(0)
        self._refresh[value] = made = Token(value=value, expires=float("inf"), **what)
        return made

    def refreshing(self, value: str, client_id: str) -> Token:
        """The refresh token, if it is this client's."""
        token = self._refresh.get(value)
        if token is None or token.client_id != client_id:
            raise OAuthError("invalid_grant", "refresh_token is unknown, revoked, or was given to another client")
        return token

    def bearer(self, value: str) -> Token | None:
        """The live access token of this value."""
        token = self._access.get(value)
        return token if token and token.expires > self._now() else None

    def revoke(self, family: str) -> None:
        """End all tokens that came from one code."""
        for store in (self._access, self._refresh):
            for key in [k for k, v in store.items() if v.family == family]:
                del store[key]

    def expire_all(self) -> int:
        """End every access token, as if its time were up. Says how many."""
        count = len(self._access)
        self._access.clear()
        return count

    def first_time(self, client_id: str, jti: str, until: float) -> bool:
        """Whether this client never showed this `jti` before; remembers it until it could no longer be valid."""
        key = (client_id, jti)
        fresh = self._seen.get(key, 0) < self._now()
        self._seen[key] = max(until, self._seen.get(key, 0))
        return fresh
