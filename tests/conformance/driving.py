"""Runs a sans-I/O flow against scripted answers and keeps what it asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from vestibule.kit.exchange import Answer, Ask

T = TypeVar("T")
Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


def drive(steps: Generator[Ask, Answer, T], replies: Iterable[Reply] | Callable[[Ask], Reply]) -> tuple[T, list[Ask]]:
    """The flow's result and every Ask it made; a reply's body may be bytes or anything JSON can say."""
    asks: list[Ask] = []
    script = iter(()) if callable(replies) else iter(replies)
    try:
        ask = next(steps)
        while True:
            asks.append(ask)
            ask = steps.send(_answer(ask, replies(ask) if callable(replies) else next(script)))
    except StopIteration as done:
        return done.value, asks


def _answer(ask: Ask, reply: Reply) -> Answer:
    status, body, *headers = reply
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, headers[0] if headers else {}, data, ask.url)
