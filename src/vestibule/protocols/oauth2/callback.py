"""The authorization response (RFC 6749 4.1.2) and its issuer check (RFC 9207)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vestibule.errors import BadInput, NotAllowed

PHASE: Final = "launch.callback"
_CODE = re.compile(r"[\x20-\x7e]{1,4096}")  # RFC 6749 A.11
_STATE = re.compile(r"[\x20-\x7e]{1,512}")  # A.5
_ERROR = re.compile(r"[a-z_]{1,64}")
_ONCE: Final = ("code", "state", "iss", "error")


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brought back. Exactly one of `code` and `error` is set; `state` is still to be matched."""

    state: str = field(repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    iss: str | None = None


def read_callback(pairs: Sequence[tuple[str, str]]) -> Returned:
    """Read the query of the redirect back to us.

    Raises:
        BadInput: callback-invalid when a parameter is missing, repeated (RFC 6749 3.1) or of an impossible form.
    """
    params = _each_once(pairs)
    state, code, error = params.get("state", ""), params.get("code", ""), params.get("error", "")
    if not _STATE.fullmatch(state) or bool(code) == bool(error):
        raise _invalid()
    if code and not _CODE.fullmatch(code):
        raise _invalid()
    if error and not _ERROR.fullmatch(error):
        error = "unknown"
    return Returned(state, code, error, params.get("iss"))


def check_issuer(returned: Returned, *, issuer: str, required: bool) -> None:
    """RFC 9207 2.4: an `iss` that is present must be the issuer we sent the browser to; one that was promised must be present.

    Raises:
        NotAllowed: callback-issuer. The code must then go to nobody.
    """
    if returned.iss is None and not required:
        return
    if returned.iss is None or not issuer or returned.iss != issuer:
        raise NotAllowed("callback-issuer", "The answer did not come from the record system that was asked.", phase=PHASE)


def _each_once(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _ONCE:
            if name in found:
                raise _invalid()
            found[name] = value
    return found


def _invalid() -> BadInput:
    return BadInput("callback-invalid", "The address that the record system sent you to is not complete.", phase=PHASE)
