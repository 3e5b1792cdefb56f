"""A JSON reader for text that strangers wrote: size, depth, duplicate names and not-a-numbers are refused, not guessed at.

RFC 8259 leaves these to the reader (paragraphs 4, 6, 8.1, 8.2 and 9); two readers that guess differently are how checks get by-passed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

MAX_BYTES = 1_000_000
MAX_DEPTH = 64

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class JsonError(ValueError):
    """The text is not JSON we are willing to read; `reason` is one of a few fixed words, never part of the text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_json(text: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value that `text` spells.

    Raises:
        JsonError: `size`, `depth`, `duplicate`, `number`, `encoding` or `syntax`.
    """
    if len(text) > max_bytes:
        raise JsonError("size")
    try:
        value = _DECODER.decode(text.decode("utf-8-sig"))  # 8.1: a reader may ignore a byte order mark
    except UnicodeDecodeError as error:
        raise JsonError("encoding") from error
    except RecursionError as error:
        raise JsonError("depth") from error
    except JsonError:
        raise
    except ValueError as error:  # also an integer of more digits than Python converts
        raise JsonError("syntax") from error
    if _deeper_than(value, max_depth):
        raise JsonError("depth")
    # Only an escape can smuggle in half a surrogate pair, so texts without one need no second look.
    if b"\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JsonError("encoding")
    return value


def read_object(text: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The JSON object that `text` spells; anything else is `JsonError("syntax")`."""
    value = read_json(text, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise JsonError("syntax")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("duplicate")
    return found


def _no_constant(_: str) -> NoReturn:
    raise JsonError("number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999 is good JSON and would be read as infinity
        raise JsonError("number")
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    level: Iterable[Any] = [value] if isinstance(value, dict | list) else ()
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
