"""Scopes: which of those asked for are granted, and what they open (SMART 2.2 "Scopes and Launch Context", v1 and v2 spellings)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from practice.oauth.errors import OAuthError

Level = Literal["patient", "user", "system"]

_RESOURCE = re.compile(r"^(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)$")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


def split(text: str) -> list[str]:
    """The scopes in a string, each once, in their order."""
    return list(dict.fromkeys(text.split()))


def _letters(permission: str) -> str:
    return _V1.get(permission, permission)


def _covers(allowed: str, asked: str) -> bool:
    """Whether an allowed resource scope includes the one asked for."""
    have, want = _RESOURCE.match(allowed), _RESOURCE.match(asked)
    if not have or not want or have[1] != want[1] or not _letters(want[3]):
        return False
    return have[2] in {"*", want[2]} and set(_letters(want[3])) <= set(_letters(have[3]))


def grant(asked: str, allowed: str, *, levels: Iterable[Level]) -> list[str]:
    """What of the asked is given: only registered scopes, only of the levels this grant may have.

    Raises:
        OAuthError: `invalid_scope` when nothing is asked for, or nothing of it is left.
    """
    if not asked.split():
        raise OAuthError("invalid_scope", "scope is required")
    registered = split(allowed)
    granted = [s for s in split(asked) if s in registered or any(_covers(a, s) for a in registered)]
    welcome = {*levels} if "system" in levels else {None, *levels}  # a backend service has no launch and no user
    granted = [s for s in granted if _level(s) in welcome]
    if not granted:
        raise OAuthError("invalid_scope", "none of the scopes asked for is registered for this client")
    return granted


def _level(scope: str) -> str | None:
    match = _RESOURCE.match(scope)
    return match[1] if match else None


def opening(scopes: Iterable[str], resource: str, letter: Literal["r", "s"]) -> set[str]:
    """The levels (`patient`, `user`, `system`) at which these scopes let somebody read or search a resource type."""
    matches = [m for m in map(_RESOURCE.match, scopes) if m]
    return {m[1] for m in matches if m[2] in {"*", resource} and letter in _letters(m[3])}
