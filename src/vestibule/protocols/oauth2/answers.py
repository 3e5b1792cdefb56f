"""The token endpoint's answer (RFC 6749 5.1, 5.2): a stranger's JSON until proven a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.kit.numbers import digits

MAX_ANSWER: Final = 65_536
_MAX_TOKEN: Final = 16_384
_MAX_CONTEXT: Final = 1024
_VSCHAR = re.compile(r"[\x20-\x7e]+")  # RFC 6749 A.12, A.17: what a token is made of; nothing here can break a header line
_CORE: Final = frozenset({"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"})
_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_grant": ("token-invalid-grant", "The record system says this launch was used already, or took too long."),
    "invalid_client": ("token-invalid-client", "The record system does not accept this connection's client id, key or secret."),
    "unauthorized_client": ("token-invalid-client", "The record system does not allow this connection's client this kind of access."),
    "invalid_scope": ("token-invalid-scope", "The record system does not grant what this connection asks for."),
}


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A good answer.

    Attributes:
        expires_in: seconds; 0 when the server did not say.
        scope: as granted; as asked for when the server did not say (5.1).
        context: every other member that is text or a number, as text: `patient`, `encounter`, and whatever else the EHR was told to send.
    """

    access_token: str = field(repr=False)
    expires_in: int = 0
    scope: str = ""
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    context: Mapping[str, str] = field(default_factory=dict, repr=False)
    need_patient_banner: bool = True

    @property
    def bearer(self) -> str:
        """The value for an Authorization header (RFC 6750 2.1)."""
        return f"Bearer {self.access_token}"


def read_token_answer(answer: Answer, *, asked_scope: str, phase: str) -> TokenAnswer:
    """Judge what the token endpoint said.

    Raises:
        OutsideFailed: token-answer-invalid, token-unavailable, token-refused, or token-invalid-{grant,client,scope}.
    """
    if not answer.ok:  # RFC 6749 5.1: the one status of success
        raise _refusal(answer, phase)
    try:
        body = read_object(answer.body, max_bytes=MAX_ANSWER, max_depth=16)
    except JsonError as error:
        raise _invalid(phase) from error
    if str(body.get("token_type", "")).lower() != "bearer":
        raise _invalid(phase)
    return TokenAnswer(
        access_token=_token(body, "access_token", phase, required=True),
        expires_in=_seconds(body.get("expires_in"), phase),
        scope=_text(body.get("scope"), phase) or asked_scope,
        id_token=_token(body, "id_token", phase),
        refresh_token=_token(body, "refresh_token", phase),
        context=_context(body),
        need_patient_banner=body.get("need_patient_banner") is not False,
    )


def _token(body: Mapping[str, Any], name: str, phase: str, *, required: bool = False) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_TOKEN or not _VSCHAR.fullmatch(value):
        raise _invalid(phase)
    return value


def _text(value: Any, phase: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_TOKEN:
        raise _invalid(phase)
    return value


def _seconds(value: Any, phase: str) -> int:
    if value is None:
        return 0
    if isinstance(value, str):  # some servers quote the number
        value = digits(value, most=9)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:  # noqa: PLR2004  thirty years
        raise _invalid(phase)
    return int(value)


def _context(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in body.items()
        if name not in _CORE and isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= _MAX_CONTEXT
    }


def _refusal(answer: Answer, phase: str) -> OutsideFailed:
    if answer.busy:
        return OutsideFailed(
            "token-unavailable",
            "The record system cannot sign anyone in at the moment.",
            phase=phase,
            permanent=False,
            retry_after=retry_after(answer),
        )
    code, sentence = _CODES.get(_error_name(answer), ("token-refused", "The record system refused to sign in."))
    return OutsideFailed(code, sentence, phase=phase, permanent=True)


def _error_name(answer: Answer) -> str:
    try:
        return str(read_object(answer.body, max_bytes=MAX_ANSWER, max_depth=16).get("error", ""))
    except JsonError:
        return ""


def retry_after(answer: Answer) -> float | None:
    """Seconds from a Retry-After header in its plain form (RFC 9110 10.2.3), at most an hour; None when there is none."""
    text = answer.headers.get("retry-after", "")
    seconds = digits(text, most=9)
    return None if seconds is None else min(float(seconds), 3600.0)


def _invalid(phase: str) -> OutsideFailed:
    return OutsideFailed("token-answer-invalid", "The record system's sign-in answer cannot be read.", phase=phase, permanent=True)
