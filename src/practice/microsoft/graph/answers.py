"""The cloud's door: who is asking and what they may, and answers and refusals in Graph's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from aiohttp import web

from practice.calls import Handler, note
from practice.hospital import GRAPH, Hospital, hospital
from practice.microsoft.graph.model import Permission
from practice.times import instant

AUDIENCES = ("https://graph.microsoft.com", "https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000")
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_PAGE = re.compile(r"odata\.maxpagesize=(\d{1,6})", re.IGNORECASE)
_NEWER = re.compile(r"include-unknown-enum-members", re.IGNORECASE)


class GraphError(Exception):
    """The cloud says no."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def answer(self, request: web.Request) -> web.Response:
        """In the documented shape."""
        request_id, at = str(uuid4()), instant(hospital(request).now()).rstrip("Z")
        client = request.headers.get("client-request-id", request_id)
        inner = {"date": at, "request-id": request_id, "client-request-id": client}
        body = {"error": {"code": self.code, "message": str(self), "innerError": inner}}
        headers = {"request-id": request_id, "client-request-id": client, **self.headers}
        return web.json_response(body, status=self.status, headers=headers)


def bad(message: str) -> GraphError:
    """The request is not properly formed."""
    return GraphError(400, "BadRequest", message)


def not_found(message: str = "The requested resource does not exist.") -> GraphError:
    """There is no such thing."""
    return GraphError(404, "NotFound", message)


@dataclass(frozen=True)
class Caller:
    """An app with a token of its own: no person stands behind it."""

    app_id: str
    tid: str
    permissions: frozenset[str]

    def need(self, *any_of: Permission) -> None:
        """Raises GraphError 403 unless the token carries one of these permissions."""
        if not self.permissions.intersection(any_of):
            raise GraphError(403, "Forbidden", f"Missing role permissions on the request. API requires one of '{', '.join(any_of)}'.")


def caller_of(request: web.Request) -> Caller:
    """Whose request this is.

    Raises:
        GraphError: 401 in Graph's words for each thing that can be wrong with a token; 429 above the app's rate.
    """
    house = hospital(request)
    claims = _claims(house, request.headers.get("Authorization", ""))
    caller = Caller(str(claims["appid"]), str(claims["tid"]), frozenset(claims.get("roles", [])))
    note(request, client=caller.app_id, tenant=caller.tid)
    early = house.graph.a_second.admit(caller.app_id, house.now(), house.book.cloud.per_second)
    if early:
        raise GraphError(429, "TooManyRequests", "Too many requests.", {"Retry-After": str(int(early) + 1)})
    return caller


def _claims(house: Hospital, header: str) -> dict[str, Any]:
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unauthorized("Access token is empty.")
    claims = house.sign_ins.keys.verify(token)
    if claims is None:
        raise _unauthorized("Access token validation failure. Invalid signature.")
    if claims.get("aud") not in {*AUDIENCES, f"{house.at.base}{GRAPH}"}:
        raise _unauthorized("Access token validation failure. Invalid audience.")
    if not claims.get("nbf", 0) <= house.now() < claims.get("exp", 0) or claims.get("uti") in house.graph.revoked:
        raise _unauthorized("Lifetime validation failed, the token is expired.")
    return claims


def _unauthorized(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'})


def strict(handler: Handler) -> Handler:
    """Refusals in Graph's shape and noted for the ledger; every answer carries its request's ids."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            given = await handler(request)
        except GraphError as refusal:
            note(request, error=refusal.code, why=str(refusal)[:300])
            return refusal.answer(request)
        given.headers.setdefault("request-id", str(uuid4()))
        given.headers.setdefault("client-request-id", request.headers.get("client-request-id", given.headers["request-id"]))
        return given

    return answer


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent, without its annotations.

    Raises:
        GraphError: 400 for anything else, 415 for another content type.
    """
    if request.content_type != "application/json":
        raise GraphError(415, "BadRequest", f"A supported MIME type could not be found that matches '{request.content_type[:60]}'.")
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise bad(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
        ) from error
    if not isinstance(body, dict):
        raise bad("Unable to read JSON request payload. An object is expected.")
    return {name: value for name, value in body.items() if "@odata." not in name}


def said(body: Mapping[str, Any], name: str, kind: type, *, most: int = 4_000) -> Any:
    """A member of a body, None when it is not there; 400 when it is something else than it should be."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise bad(f"Invalid value for property '{name}'.")
    if isinstance(value, str) and len(value) > most:
        raise bad(f"Property '{name}' is longer than {most} characters.")
    return value


def only(body: Mapping[str, Any], names: frozenset[str], kind: str) -> None:
    """Raises GraphError 400 for a member that the type does not have."""
    extra = sorted(set(body) - names)
    if extra:
        raise bad(f"The property '{extra[0][:60]}' does not exist on type '{kind}' or cannot be written.")


def moment(text: str, name: str) -> datetime:
    """An instant with its offset; 400 for anything else."""
    wrong = bad(f"Cannot convert the literal '{text[:60]}' to the expected type 'Edm.DateTimeOffset' ({name}).")
    try:
        found = datetime.fromisoformat(text)
        whole = found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise wrong from error
    if found.tzinfo is None or not _FIRST_YEAR <= whole.year <= _LAST_YEAR:
        raise wrong
    return whole


def newer(request: web.Request) -> bool:
    """Whether the reader knows that lists of values grow."""
    return any(_NEWER.search(value) for value in request.headers.getall("Prefer", []))


def page_size(request: web.Request, most: int) -> int:
    """How many entries a page has: `Prefer: odata.maxpagesize`, up to what the service gives."""
    asked = next((found for value in request.headers.getall("Prefer", []) if (found := _PAGE.search(value))), None)
    return min(int(asked[1]) or most, most) if asked else most


def paged(request: web.Request, rows: Sequence[dict[str, Any]], most: int, *, at: str = "") -> tuple[list[dict[str, Any]], str]:
    """A page of rows, and the link to the next one; `at` where that stands at another address than this page."""
    size, token = page_size(request, most), request.query.get("$skiptoken", "0")
    if not re.fullmatch(r"[0-9]{1,9}", token):
        raise bad("Skip token is null or malformed.")
    skip = int(token)
    rest = skip + size
    if rest >= len(rows):
        return list(rows[skip:rest]), ""
    query = {name: value for name, value in request.query.items() if name != "$skiptoken"} if not at else {}
    link = f"{at or hospital(request).at.base + request.path}?{urlencode({**query, '$skiptoken': rest}, safe='$')}"
    return list(rows[skip:rest]), link


def context(request: web.Request, what: str) -> str:
    """The `@odata.context` of an answer."""
    version = request.path.removeprefix(f"{GRAPH}/").partition("/")[0]
    return f"https://graph.microsoft.com/{version}/$metadata#{what}"
