"""FHIR over HTTP: who may read what, and the refusals as OperationOutcome."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import web

from practice.calls import note, outcome
from practice.fhir.resources import Resource, all_of, find, subject_of
from practice.fhir.search import TESTS, BadSearch, bundle, count_of, search
from practice.hospital import Hospital, hospital
from practice.oauth.grants import Token
from practice.oauth.scopes import opening

KINDS = tuple(TESTS)
_JSON = "application/fhir+json"
_ACCEPTED = ("*/*", "application/*", "application/json", _JSON)
_PAGE, _MOST = 50, 200


class Refused(Exception):
    """A FHIR refusal on its way out."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def bearer(request: web.Request) -> Token:
    """The live token of a request; writes its client into the ledger line."""
    header = request.headers.get("Authorization", "")
    token = hospital(request).grants.bearer(header[7:].strip()) if header[:7].lower() == "bearer " else None
    if token is None:
        raise Refused(401, "a live access token is required")
    note(request, client=token.client_id)
    sent = request.headers.get("Epic-Client-ID", token.client_id)
    if sent != token.client_id:
        raise Refused(403, "Epic-Client-ID is not the client of the token")
    return token


def _refuse(request: web.Request, error: Refused) -> web.Response:
    note(request, error=str(error))
    answer = outcome(error.status, str(error))
    if error.status == 401:  # noqa: PLR2004 - RFC 6750 3
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


def _allowed(house: Hospital, token: Token, kind: str, letter: Literal["r", "s"]) -> str | None:
    """Whose compartment this token sees: a patient id, or None for everybody's."""
    levels = opening(token.scopes, kind, letter)
    if not levels:
        raise Refused(403, f"the token's scope does not open {kind} for this")
    user = token.context.user
    if "system" in levels or ("user" in levels and user and user.kind == "Practitioner"):
        return None
    own = user.id if user and user.kind == "Patient" else token.context.patient
    if not own or house.book.patient(own) is None:
        raise Refused(403, "the token has no patient in its context")
    return own


def _visible(resource: Resource, own: str | None) -> bool:
    return own is None or subject_of(resource) in {None, own}


def _readable(request: web.Request) -> None:
    """JSON is all there is."""
    wanted = request.query.get("_format", "")
    accepts = [part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "*/*").split(",")]
    if (wanted and "json" not in wanted) or not any(a in _ACCEPTED for a in accepts):
        raise Refused(406, "only JSON is spoken here")


async def read(request: web.Request) -> web.StreamResponse:
    """`GET [base]/Patient/[id]`."""
    house, kind, key = hospital(request), request.match_info["kind"], request.match_info["id"]
    note(request, resource=kind)
    try:
        _readable(request)
        _known(kind)
        own = _allowed(house, bearer(request), kind, "r")
        return web.json_response(_one(house, kind, key, own), content_type=_JSON)
    except Refused as error:
        return _refuse(request, error)


def _one(house: Hospital, kind: str, key: str, own: str | None) -> Resource:
    """A resource this token may see. To a patient, what is not theirs and what is not there look alike."""
    found = find(house, kind, key)
    if found is None and own is None:
        raise Refused(404, f"no such {kind}")
    if found is None or not _visible(found, own):
        raise Refused(403, "not in the compartment of the patient of this token")
    return found


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise Refused(404, f"{kind[:40]} is not served here; {', '.join(KINDS)} are")


async def find_all(request: web.Request) -> web.StreamResponse:
    """`GET [base]/Appointment?...` and `POST [base]/Appointment/_search`."""
    house, kind = hospital(request), request.match_info["kind"]
    note(request, resource=kind)
    try:
        _readable(request)
        _known(kind)
        own = _allowed(house, bearer(request), kind, "s")
        params = list(request.query.items())
        if request.method == "POST":
            params += [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]
        seen = [r for r in all_of(house, kind) if _visible(r, own)]
        return web.json_response(_page(house, kind, search(seen, kind, params), params), content_type=_JSON)
    except Refused as error:
        return _refuse(request, error)
    except BadSearch as error:
        return _refuse(request, Refused(400, str(error)))


def _page(house: Hospital, kind: str, found: list[Resource], params: list[tuple[str, str]]) -> dict[str, Any]:
    given = dict(params)
    count = count_of(given.get("_count", ""), default=_PAGE, most=_MOST)
    offset = count_of(given.get("_offset", ""), default=0, most=10**6)
    base = f"{house.at.fhir}/{kind}"
    links = [{"relation": "self", "url": f"{base}?{urlencode(params)}"}]
    if count and offset + count < len(found):
        more = [p for p in params if p[0] not in {"_count", "_offset"}] + [("_count", str(count)), ("_offset", str(offset + count))]
        links.append({"relation": "next", "url": f"{base}?{urlencode(more)}"})
    return bundle(found[offset : offset + count], base=house.at.fhir, links=links, total=len(found))


async def unsupported(request: web.Request) -> web.StreamResponse:
    """Everything that writes, and every path that is not FHIR."""
    if request.method not in {"GET", "HEAD"}:
        return _refuse(request, Refused(405, "this server only reads and searches"))
    return _refuse(request, Refused(404, "no such place in this FHIR server"))
