"""What is under way at the Microsoft-like sign-in: requests that wait for a person, codes, refresh tokens, browser sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from practice.microsoft.errors import Refusal
from practice.microsoft.keys import SignInKeys

_WAITING = 500
_REFRESH_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Asked:
    """An authorize request that stood every check but the person's own sign-in."""

    place: str
    client_id: str
    redirect_uri: str
    response_mode: str
    scopes: tuple[str, ...]
    state: str = ""
    nonce: str = ""
    challenge: str = ""
    login_hint: str = ""
    client_info: bool = False


@dataclass(frozen=True)
class Granted:
    """What a code or a refresh token stands for: the request, the account, and the directory it was signed in to."""

    asked: Asked
    oid: str
    tid: str
    expires: float


@dataclass
class SignIns:
    """Mints and remembers, in memory: a restart signs everybody out."""

    now: Callable[[], float]
    keys: SignInKeys = field(default_factory=SignInKeys)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    _waiting: dict[str, Asked] = field(default_factory=dict)
    _codes: dict[str, Granted] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _refresh: dict[str, Granted] = field(default_factory=dict)

    def wait(self, asked: Asked) -> str:
        """Keep a request until somebody signs in; the oldest makes room."""
        while len(self._waiting) >= _WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        key = secrets.token_urlsafe(24)
        self._waiting[key] = asked
        return key

    def waiting(self, key: str, *, over: bool = False) -> Asked | None:
        """The request of a sign-in page; `over` when its answer leaves now."""
        return self._waiting.pop(key, None) if over else self._waiting.get(key)

    def code(self, asked: Asked, *, oid: str, tid: str, seconds: float) -> str:
        """A fresh authorization code; long and opaque, as the real ones are."""
        value = f"1.{secrets.token_urlsafe(160)}"
        self._codes[value] = Granted(asked, oid, tid, self.now() + seconds)
        return value

    def redeem(self, value: str, client_id: str) -> Granted:
        """Use a code, once."""
        granted = self._codes.get(value)
        if granted is None or granted.asked.client_id != client_id:
            raise Refusal(9002313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
        if value in self._used:
            raise Refusal(
                54005,
                "invalid_grant",
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
            )
        self._used.add(value)
        return self._live(granted)

    def refresher(self, granted: Granted) -> str:
        """A fresh refresh token."""
        value = f"1.{secrets.token_urlsafe(200)}"
        self._refresh[value] = replace(granted, expires=self.now() + _REFRESH_SECONDS)
        return value

    def refreshing(self, value: str, client_id: str) -> Granted:
        """What a refresh token stands for."""
        granted = self._refresh.get(value)
        if granted is None or granted.asked.client_id != client_id:
            raise Refusal(9002313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
        return self._live(granted)

    def _live(self, granted: Granted) -> Granted:
        if granted.expires < self.now():
            raise Refusal(
                70008,
                "invalid_grant",
                "The provided authorization code or refresh token has expired due to inactivity. "
                "Send a new interactive authorization request for this user and resource.",
            )
        return granted
