"""Judging an id_token: OIDC Core 3.1.3.7 step by step, with the extra claim `fhirUser` of SMART App Launch 2.2."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from vestibule.errors import OutsideFailed
from vestibule.protocols.jose import Jwks, Verified, verify

PHASE: Final = "launch.id-token"
LEEWAY: Final = 60.0  # seconds by which two honest clocks may differ
_USER = re.compile(
    r"(?:(?P<base>https?://\S+)/)?(?P<type>Practitioner|PractitionerRole|Patient|RelatedPerson|Person)/(?P<id>[A-Za-z0-9.-]{1,128})"
)


@dataclass(frozen=True, slots=True)
class FhirUser:
    """Who the person is, as a FHIR reference."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class IdClaims:
    """The claims of an id_token that passed every check."""

    issuer: str
    subject: str
    fhir_user: FhirUser | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


def verify_id_token(
    token: str,
    *,
    jwks: Jwks,
    issuer: str,
    client_id: str,
    nonce: str | None,
    now: datetime,
    iss: str = "",
    access_token: str = "",
) -> IdClaims:
    """The claims of `token`, or an error that says which check failed.

    Args:
        token: as it came from the token endpoint.
        jwks: the issuer's keys.
        issuer: as discovered.
        client_id: ours; the only audience we accept.
        nonce: as we sent it; None when we sent none.
        now: the time.
        iss: the FHIR base, to resolve an absolute fhirUser against.
        access_token: checked against `at_hash` where both exist (3.1.3.6).

    Raises:
        OutsideFailed: jwt-*, id-token-issuer, -audience, -nonce, -expired, -early, -claim, -access-hash, -user.
    """
    verified = verify(token, jwks, phase=PHASE)
    claims = verified.claims
    if not issuer or claims.get("iss") != issuer:  # 3.1.3.7 (2)
        raise _wrong("id-token-issuer", "The sign-in came from another issuer than the record system names.")
    _check_audience(claims, client_id)
    _check_times(claims, now.timestamp())
    _check_nonce(claims, nonce)
    if access_token and "at_hash" in claims:
        _check_access_hash(verified, access_token)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004  OIDC Core 2
        raise _wrong("id-token-claim", "The sign-in does not say who signed in.")
    return IdClaims(issuer, subject, _fhir_user(claims, iss), claims)


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    aud = claims.get("aud")
    audiences = [aud] if isinstance(aud, str) else aud
    # (3): ours must be there, and nobody else whom we do not trust; (4), (5): an authorised party must be us
    if not isinstance(audiences, list) or not audiences or any(a != client_id for a in audiences):
        raise _wrong("id-token-audience", "The sign-in was meant for another application.")
    if claims.get("azp", client_id) != client_id:
        raise _wrong("id-token-audience", "The sign-in was meant for another application.")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    if now >= _moment(claims, "exp") + LEEWAY:  # (9)
        raise _wrong("id-token-expired", "The sign-in has expired; the record system's clock and ours may differ.")
    if _moment(claims, "iat") > now + LEEWAY or ("nbf" in claims and _moment(claims, "nbf") > now + LEEWAY):  # (10), RFC 7519 4.1.5
        raise _wrong("id-token-early", "The sign-in is dated in the future; the record system's clock and ours differ.")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:  # noqa: PLR2004  a NumericDate, RFC 7519 2
        raise _wrong("id-token-claim", "The sign-in does not say when it is valid.")
    return float(value)


def _check_nonce(claims: Mapping[str, Any], nonce: str | None) -> None:
    if nonce is None:
        return
    got = claims.get("nonce")
    if not isinstance(got, str) or not hmac.compare_digest(got.encode(errors="replace"), nonce.encode()):  # (11)
        raise _wrong("id-token-nonce", "The sign-in belongs to another launch.")


def _check_access_hash(verified: Verified, access_token: str) -> None:
    digest = hashlib.new(f"sha{verified.alg[-3:]}", access_token.encode("ascii")).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if verified.claims["at_hash"] != expected:
        raise _wrong("id-token-access-hash", "The sign-in and its access token do not belong together.")


def _fhir_user(claims: Mapping[str, Any], iss: str) -> FhirUser | None:
    # `profile` is where SMART 1.0 servers put it; there it may also be an ordinary web page, which is then nobody's FHIR id.
    value = claims.get("fhirUser", claims.get("profile"))
    if value is None:
        return None
    match = _USER.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match["base"] and iss and match["base"] != iss.rstrip("/")):
        if "fhirUser" not in claims:
            return None
        raise _wrong("id-token-user", "The sign-in names a person of another record system.")
    return FhirUser(match["type"], match["id"])


def _wrong(code: str, sentence: str) -> OutsideFailed:
    return OutsideFailed(code, sentence, phase=PHASE, permanent=True)
