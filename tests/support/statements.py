"""What a page asks of the database, counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vestibule.platform.db.tx import Tx


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that is sent by a transaction meanwhile."""
    sent: list[str] = []
    with monkeypatch.context() as patched:
        for way in ("fetch", "fetchrow", "fetchval", "execute"):
            patched.setattr(Tx, way, _counting(getattr(Tx, way), sent))
        yield sent


def _counting(real: Any, sent: list[str]) -> Any:
    async def count(tx: Tx, sql: str, *args: Any) -> Any:
        sent.append(sql)
        return await real(tx, sql, *args)

    return count
