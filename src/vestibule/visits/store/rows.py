"""What the stores have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Row: TypeAlias = Any  # an asyncpg Record, or a mapping that reads like one

_json = msgspec.json.Encoder()


def to_json(value: Any) -> str:
    """Compact JSON, as bound to a jsonb parameter."""
    return _json.encode(value).decode()
