"""Signed JSON Web Tokens (RFC 7515, RFC 7519) made and judged by RFC 8725, "JWT Best Current Practices"."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from vestibule.errors import OutsideFailed
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.protocols.jose.jwks import VERIFIED_ALGORITHMS, Jwks
from vestibule.protocols.jose.keys import SigningKey

MAX_TOKEN: Final = 16_384
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MAX_KID: Final = 512


class _Registry(jws.JWSRegistry):
    max_header_length = MAX_TOKEN  # some signers send their certificate along; we ignore it
    max_payload_length = MAX_TOKEN


_REGISTRIES = {alg: _Registry(algorithms=[alg], strict_check_header=False) for alg in VERIFIED_ALGORITHMS}


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token said, after its signature was found good."""

    alg: str
    claims: Mapping[str, Any]


def sign(claims: Mapping[str, Any], key: SigningKey) -> str:
    """A compact JWS over `claims` with `typ: JWT` and the key's name."""
    return jwt.encode({"alg": key.alg, "kid": key.kid}, dict(claims), key.key, algorithms=[key.alg])


def peek(token: str, *, phase: str) -> dict[str, Any]:
    """The claims WITHOUT any check of the signature: good only for choosing which keys to ask for."""
    return _segment(_parts(token, phase)[1], phase)


def verify(token: str, jwks: Jwks, *, phase: str) -> Verified:
    """The claims of a token whose signature one of `jwks` made; everything else about them is still to be judged.

    `jku`, `x5u`, `jwk` and `x5c` in the header are never looked at (RFC 8725 3.10): a token does not bring its own judge.

    Raises:
        OutsideFailed: jwt-malformed, jwt-algorithm, jwt-critical, jwt-type, jwt-key-unknown, jwt-signature.
    """
    protected, body, _ = _parts(token, phase)
    header = _segment(protected, phase)
    alg, kid = _judge_header(header, phase)
    key = jwks.pick(kid, alg)
    if key is None:
        raise _refused("jwt-key-unknown", "The record system signed with a key it does not publish.", phase)
    try:
        jws.deserialize_compact(token, key, registry=_REGISTRIES[alg])
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("jwt-signature", "A signature from the record system is not valid.", phase) from error
    return Verified(alg, _segment(body, phase))


def _judge_header(header: Mapping[str, Any], phase: str) -> tuple[str, str | None]:
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(alg, str) or alg not in VERIFIED_ALGORITHMS:  # 3.1, 3.2: exact names; "none", "NONE" and HS256 are not among them
        raise _refused("jwt-algorithm", "The record system signed in a way that is not allowed.", phase)
    if "crit" in header or "b64" in header:  # RFC 7515 4.1.11: we understand no extension, so a critical one must be refused
        raise _refused("jwt-critical", "The record system's signature asks for an extension we do not have.", phase)
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != "jwt":  # 3.11: no other kind of token in this place
        raise _refused("jwt-type", "The record system sent another kind of token than expected.", phase)
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID):
        raise _refused("jwt-malformed", "The record system sent a token that cannot be read.", phase)
    return alg, kid


def _parts(token: str, phase: str) -> tuple[str, str, str]:
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise _refused("jwt-malformed", "The record system sent a token that cannot be read.", phase)
    protected, body, signature = token.split(".")
    return protected, body, signature


def _segment(text: str, phase: str) -> dict[str, Any]:
    try:
        return read_object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), max_bytes=MAX_TOKEN, max_depth=16)
    except (JsonError, ValueError) as error:
        raise _refused("jwt-malformed", "The record system sent a token that cannot be read.", phase) from error


def _refused(code: str, sentence: str, phase: str) -> OutsideFailed:
    return OutsideFailed(code, sentence, phase=phase, permanent=True)
