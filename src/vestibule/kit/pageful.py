"""Long lists in pages: a page says where the next one begins, by the last item's own keys and never by counting."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        next: what to give as `after` for the next part; empty at the end.
    """

    items: list[T]
    next: str = ""


def cursor(*keys: str) -> str:
    """Where a list goes on, as opaque text for an address."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).rstrip(b"=").decode()


def keys_of(after: str, count: int) -> tuple[str, ...] | None:
    """The keys in a cursor; None for the beginning, and for anything that is no cursor of ours: the list then begins anew."""
    if not after or len(after) > _MOST:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, RecursionError):
        return None
    good = isinstance(found, list) and len(found) == count and all(isinstance(key, str) and "\x00" not in key for key in found)
    return tuple(found) if good else None


def named_place(after: str) -> tuple[str, UUID]:
    """Where a list in order of (name, id) goes on; SQL compares `(lower(name), id) > (lower($name), $id)`."""
    name, key = keys_of(after, 2) or ("", "")
    try:
        return name, UUID(key)
    except ValueError:
        return "", UUID(int=0)


def page_of(rows: list[T], limit: int, key: Callable[[T], tuple[str, ...]]) -> Page[T]:
    """A page from at most `limit + 1` rows: the one too many only proves that there is more. `key` gives the keys of a row."""
    shown = rows[:limit]
    return Page(shown, cursor(*key(shown[-1])) if len(rows) > limit else "")


def sane(limit: int) -> int:
    """A page's size, between 1 and 200 whatever was asked for."""
    return max(1, min(limit, 200))
