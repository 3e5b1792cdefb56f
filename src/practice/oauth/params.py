"""Reading OAuth parameters: from the query of a GET or the form of a POST, each at most once (RFC 6749 3.1)."""

from __future__ import annotations

from aiohttp import web

from practice.oauth.errors import OAuthError

_FORM = "application/x-www-form-urlencoded"
_LONGEST = 8_000


async def read(request: web.Request) -> dict[str, str]:
    """The parameters, each of sane length and given once; empty ones count as left out."""
    if request.method == "POST":
        if request.content_type != _FORM:
            raise OAuthError("invalid_request", f"the body must be {_FORM}")
        pairs = [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]
    else:
        pairs = list(request.query.items())
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OAuthError("invalid_request", f"given more than once: {', '.join(twice)[:100]}")
    if any(len(value) > _LONGEST for _, value in pairs):
        raise OAuthError("invalid_request", "a parameter is too long")
    return {name: value for name, value in pairs if value}
