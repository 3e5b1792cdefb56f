"""The one place in a request's path that knows other cells: it looks only at answers that say "unknown", and only at addresses that name
something. Every other request passes it untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from vestibule.errors import VestibuleError
from vestibule.platform.cells.model import SENT_BY, Cell, Named, Place, onward
from vestibule.platform.cells.service import Cells
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web import problems

_READING: Final = frozenset({"GET", "HEAD"})
_MAX_FIELDS: Final = 40
_LONGEST: Final = 6_000


class Elsewhere:
    """Wraps Litestar's own handler, inside the front."""

    def __init__(self, app: Any, cells: Cells, places: Sequence[Place]) -> None:
        self._app = app
        self._cells = cells
        self._places = tuple(places)
        self._prefixes = tuple(place.prefix for place in self._places)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer here, or send on."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        place = next(place for place in self._places if path.startswith(place.prefix))
        held = _Held(send, place.missed)
        await self._app(scope, receive, held)
        if held.messages:
            await self._missed(scope, place, path, receive, send, held.messages)

    async def _missed(self, scope: Any, place: Place, path: str, receive: Any, send: Any, messages: list[Any]) -> None:
        """Nobody here knows it: where, then? With no better place to go, the answer is the one that was held back."""
        query = scope["query_string"].decode("latin-1")
        try:
            named = _named(scope, place, path, query)
            cell = await self._cells.where(named) if named else None
            if named and cell and place.program:
                raise _not_here(cell)
        except VestibuleError as error:
            await problems.answer(scope, receive, send, error)
            return
        if cell is None:
            for message in messages:
                await send(message)
            return
        log.info("sent-on", kind=named.kind if named else "", region=cell.region, reference=scope["state"]["reference"])
        await _redirect(send, 307 if scope["method"] in _READING else 303, onward(cell, path, query, self._cells.region))


def _named(scope: Any, place: Place, path: str, query: str) -> Named | None:
    """What the request names; None too for what another cell has sent, and for what no honest client would say."""
    if len(path) + len(query) > _LONGEST or not query.isascii() or not query.isprintable():
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    if any(name == SENT_BY for name, _ in pairs):
        return None
    authorization = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")
    return place.name(path, pairs, authorization)


def _not_here(cell: Cell) -> problems.Misdirected:
    sentence = f"This organisation lives in another region: send the request to {cell.origin}"
    return problems.Misdirected("elsewhere", sentence, phase="cells.whose")


async def _redirect(send: Any, status: int, location: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"location", location.encode()), (b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Held:
    """An ASGI `send` that keeps an answer saying "unknown" back, and lets any other through."""

    def __init__(self, send: Any, missed: frozenset[int]) -> None:
        self._send = send
        self._missed = missed
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        """Keep, or pass on."""
        missed = message["type"] == "http.response.start" and message["status"] in self._missed
        if missed or self.messages:
            self.messages.append(message)
        else:
            await self._send(message)
