"""Which addresses name something that may live in another region's cell, and how each names it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from vestibule.launch.model import Pressed
from vestibule.platform.cells import Cells, Named, Place

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
_TOKEN: Final = re.compile(r"vestibule_[A-Za-z0-9_-]{32,128}")
_MAX_ISS: Final = 2_000
_MAX_STATE: Final = 512
Pairs = Sequence[tuple[str, str]]


def _launch(_path: str, query: Pairs, _authorization: str) -> Named | None:
    """The connection where the launch address names one, else the record's FHIR base URL."""
    found = dict(query)
    if "connection" in found:
        return _connection_id(found["connection"])
    iss = found.get("iss", "")
    return Named("iss", iss) if 0 < len(iss) <= _MAX_ISS else None


async def of_another_region(cells: Cells, asked: Pressed) -> bool:
    """Whether a launch that is of nobody here belongs to an organisation of another cell; asked once, the answer is remembered."""
    if not cells.others:
        return False
    named = Named("connection", str(asked.connection)) if asked.connection else Named("iss", asked.iss)
    return await cells.where(named) is not None


def _state(prefix: str, kind: str) -> Place:
    def name(_path: str, query: Pairs, _authorization: str) -> Named | None:
        state = dict(query).get("state", "")
        return Named(kind, state) if 0 < len(state) <= _MAX_STATE else None

    return Place(prefix, name)


def _code(prefix: str, kind: str) -> Place:
    def name(path: str, _query: Pairs, _authorization: str) -> Named | None:
        code = path.removeprefix(prefix).partition("/")[0]
        return Named(kind, code) if _CODE.fullmatch(code) else None

    return Place(prefix, name)


def _token(_path: str, _query: Pairs, authorization: str) -> Named | None:
    """A program's token; one that no cell could have made is asked of nobody."""
    scheme, _, token = authorization.partition(" ")
    return Named("token", token) if scheme.lower() == "bearer" and _TOKEN.fullmatch(token) else None


def _connection(path: str, _query: Pairs, _authorization: str) -> Named | None:
    return _connection_id(path.removeprefix("/connections/").partition("/")[0])


def _connection_id(text: str) -> Named | None:
    try:
        return Named("connection", str(UUID(text)))
    except ValueError:
        return None


PLACES: Final = (
    _state("/launch/callback", "launch"),  # before the other launch addresses: the first that fits is taken
    Place("/launch/", _launch),
    _state("/setup/callback", "ehr-sign-in"),
    _code("/j/", "link"),
    _code("/invitation/", "invitation"),
    Place("/connections/", _connection),
    Place("/api/", _token, missed=frozenset({401}), program=True),
)
