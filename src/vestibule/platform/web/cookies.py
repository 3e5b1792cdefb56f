"""One cookie per session: its name and path carry the session id, so that two launches in one browser never meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

COOKIE_PREFIX = "v_"


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to be set. Always HttpOnly and Secure.

    Attributes:
        top_level: for pages nobody may frame: other sites' requests go without it, all but a link that opens a page of ours
            (SameSite=Lax). Otherwise it has to live in an EHR's frame: SameSite=None, Partitioned (CHIPS).
    """

    name: str
    value: str = field(repr=False)
    path: str
    max_age: int | None = None
    top_level: bool = False

    def header(self) -> str:
        """The value of its Set-Cookie header."""
        age = "" if self.max_age is None else f"; Max-Age={self.max_age}"
        where = "SameSite=Lax" if self.top_level else "SameSite=None; Partitioned"
        return f"{self.name}={self.value}; Path={self.path}{age}; HttpOnly; Secure; {where}"


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes next, and the cookie by which it is known when it comes back."""

    url: str = field(repr=False)
    cookie: Cookie


def session_cookie(sid: UUID, value: str, *, top_level: bool = False) -> Cookie:
    """The cookie that proves session `sid`. It has no Max-Age: a shared workstation forgets it with the browser."""
    return Cookie(name=cookie_name(sid), value=value, path=f"/s/{sid}/", top_level=top_level)


def cookie_name(sid: UUID) -> str:
    """`v_` and the session id without hyphens."""
    return f"{COOKIE_PREFIX}{sid.hex}"


def parse(header: str) -> Mapping[str, str]:
    """Read a Cookie header; of two cookies with one name the first counts (the browser sends the longest path first, RFC 6265 5.4)."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def set_cookie(request: Any, cookie: Cookie) -> None:
    """Send `cookie` with whatever answer this request gets."""
    request.scope["state"].setdefault("set_cookies", []).append(cookie)
