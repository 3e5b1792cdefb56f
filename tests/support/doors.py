"""Every route of the running application, and what each kind of asker may expect of it: made from the application itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_origin
from unittest.mock import MagicMock
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import msgspec
from litestar.handlers import HTTPRouteHandler

from vestibule import wiring
from vestibule.kit.ids import new_id
from vestibule.settings import load

# What the guard says: 401 for nobody known, 403 for somebody known who may not.
UNKNOWN = frozenset({"session-over", "signed-out", "token-missing", "cells-token-missing"})
REFUSED = frozenset({"role-not-allowed"})
_WORDS = {"name": "Zed", "zone": "Europe/Berlin", "email": "zed@alder.test", "environment": "test", "url": "https://ehr.alder.test/x"}


@dataclass(frozen=True)
class Door:
    """One method of one route.

    Attributes:
        who: as the guard says it in words: `session: staff (administrator)`.
        body: the handler's own idea of a body; None where it takes none.
        is_form: whether it comes as a form or as JSON.
        numbers: the places in the path that hold a number.
    """

    method: str
    path: str
    who: str
    body: Any = None
    is_form: bool = False
    numbers: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def address(self, sid: UUID | str, ids: Mapping[str, str]) -> str:
        """The path with something in each of its places; where nothing is known, an id that nothing has."""
        places = {"sid": str(sid), **dict.fromkeys(self.numbers, "1"), **ids}
        return re.sub(r"\{(\w+)\}", lambda place: places.get(place[1], str(new_id())), self.path)

    def allows(self, session: str = "", roles: frozenset[str] = frozenset(), *, token: bool = False) -> bool:
        """Whether the declared access lets this asker in."""
        if self.who == "anyone":
            return True
        if self.who.startswith("token: "):
            return token and _any(self.who.removeprefix("token: "), roles)
        if not self.who.startswith("session: ") or token:
            return False
        return any(_fits(part, session, roles) for part in self.who.removeprefix("session: ").split(" or "))


@dataclass
class Answer:
    """What came back."""

    status: int
    code: str = ""
    said: str = field(default="", repr=False)


def _fits(part: str, session: str, roles: frozenset[str]) -> bool:
    if part.startswith("staff"):
        named = re.search(r"\((.*)\)", part)
        return session == "staff" and (named is None or _any(named[1], roles))
    return bool(session) and (part == "any role" or session in part.split(", "))


def _any(named: str, roles: frozenset[str]) -> bool:
    return named == "any role" or bool(roles & set(named.split(", ")))


@cache
def doors() -> tuple[Door, ...]:
    """Every method of every route of the real application but WebSockets, which are tested where they live."""
    parts = MagicMock()
    parts.settings = load({})
    return tuple(_doors(wiring.web_app(parts, MagicMock()).routes))


def _doors(routes: Any) -> Iterator[Door]:
    for route in routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:
            methods = sorted(handler.http_methods) if isinstance(handler, HTTPRouteHandler) else ["GET"]
            if route.scope_type.value == "websocket" or methods == ["OPTIONS"]:
                continue
            rule = handler.opt["access"]
            body, is_form = _body(handler)
            numbers = frozenset(part.name for part in route.path_components if getattr(part, "type", None) is int)
            for method in (m for m in methods if m != "HEAD"):
                yield Door(method, route.path_format, rule.words, body, is_form, numbers)


def _body(handler: Any) -> tuple[Any, bool]:
    given = getattr(handler, "parsed_data_field", None)
    if given is None:
        return None, False
    return given.annotation, "urlencoded" in str(getattr(given.kwarg_definition, "media_type", ""))


def filled(body: Any) -> Any:
    """Something of the right form for a body, so that a handler gets as far as looking for the thing."""
    if not (isinstance(body, type) and issubclass(body, msgspec.Struct)):
        return {}
    return {
        one.encode_name: _value(one.name, one.type, one.required)
        for one in msgspec.structs.fields(body)
        if one.required or _plain(one.type)
    }


def _plain(kind: Any) -> bool:
    return kind in {str, int, bool}


def _value(name: str, kind: Any, required: bool) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return filled(kind)
    if kind is int:
        return 1
    if kind is bool:
        return False
    if get_origin(kind) in {list, tuple, frozenset, set}:
        return []
    if get_origin(kind) is dict:
        return {}
    if kind is UUID:
        return str(new_id())
    return _WORDS.get(name, "x" if required else "")


async def knock(session: aiohttp.ClientSession, origin: str, door: Door, address: str, headers: Mapping[str, str]) -> Answer:
    """Ask at a door, with a body its handler can read."""
    body, sent = None, {"Accept": "application/json", "Origin": origin, "If-Match": '"1"', **headers}
    if door.method not in {"GET", "HEAD"}:
        values = filled(door.body)
        sent["Content-Type"] = "application/x-www-form-urlencoded" if door.is_form else "application/json"
        body = urlencode({name: str(value) for name, value in values.items()}) if door.is_form else msgspec.json.encode(values)
    async with session.request(door.method, origin + address, data=body, headers=sent, allow_redirects=False) as answer:
        if "event-stream" in answer.headers.get("content-type", ""):
            return Answer(answer.status)
        said = await answer.text(errors="replace")
        try:
            found = msgspec.json.decode(said)
        except msgspec.DecodeError:
            found = {}
        return Answer(answer.status, found.get("code", "") if isinstance(found, dict) else "", said)
