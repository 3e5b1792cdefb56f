"""Identifiers: one type a thing, and the one door for randomness."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
DepartmentId = NewType("DepartmentId", UUID)
ConnectionId = NewType("ConnectionId", UUID)
VisitId = NewType("VisitId", UUID)
ParticipantId = NewType("ParticipantId", UUID)
SessionId = NewType("SessionId", UUID)
EffectId = NewType("EffectId", UUID)
MemberId = NewType("MemberId", UUID)
TokenId = NewType("TokenId", UUID)

# 32 symbols without I, L, O, U: read over a telephone without mistakes (Crockford's alphabet).
_SPOKEN = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TICKS = 1 << 12  # the twelve bits behind a UUID's milliseconds
_last_tick = [0]


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562 5.7, 6.2 method 3): ordered by time, so that indexes grow at one end. PostgreSQL 15 has no uuidv7().

    Those made by one process are in strict order, however fast it makes them and whatever its clock does.
    """
    ms, tick = divmod(_next_tick(), _TICKS)
    value = ms << 80 | 0x7 << 76 | tick << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def _next_tick() -> int:
    """Now, in 4096ths of a millisecond since 1970; later than whatever was said before."""
    _last_tick[0] = tick = max(_last_tick[0] + 1, time.time_ns() * _TICKS // 1_000_000)
    return tick


def new_secret(nbytes: int = 24) -> str:
    """An unguessable, URL-safe string (24 bytes are 192 bits)."""
    return secrets.token_urlsafe(nbytes)


def fingerprint(secret: str) -> bytes:
    """SHA-256 of a secret of ours, the only form in which one is stored. Our secrets have >= 128 bits, so no salt or stretching is owed."""
    return hashlib.sha256(secret.encode()).digest()


def new_reference() -> str:
    """A correlation id a person can read out: `7QK-2MD-R4T`, 45 bits."""
    number = int.from_bytes(os.urandom(6), "big")
    raw = "".join(_SPOKEN[number >> shift & 31] for shift in range(0, 45, 5))
    return f"{raw[:3]}-{raw[3:6]}-{raw[6:]}"


def chance() -> float:
    """An even draw from [0, 1): what jitter is made of."""
    return secrets.randbits(53) / (1 << 53)


def random_bytes(count: int) -> bytes:
    """Unguessable bytes, for nonces and keys."""
    return secrets.token_bytes(count)
