"""A JWS whose payload travels beside it (RFC 7515 appendix F), also unencoded (RFC 7797): a signature over a body, in a header.

Two steps, so that who signed is known before the body is read:

    seal = read(text)
    if seal.names(...) ...                # whose it says it is
    verify(seal, body, public_key)
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vestibule.errors import BadInput
from vestibule.kit.jsontext import JsonError, read_object

_PHASE: Final = "feed.signature"
_LARGEST: Final = 16_384
_DETACHED = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")
# No `none`, no HMAC (RFC 8725 3.1); with each the kind of key it needs.
_ALGORITHMS: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",  # RFC 8037
    "Ed25519": "OKP",  # RFC 9864: the same under a name that says all
}
_REGISTRY = jws.JWSRegistry(algorithms=list(_ALGORITHMS))


@dataclass(frozen=True, slots=True)
class DetachedJws:
    """A signature without what it signs.

    Attributes:
        kid: what it calls its key; empty for nothing.
        thumbprint: SHA-256 of the certificate it names (`x5t#S256`); empty for none.
        encoded: the body stands in Base64 in what was signed, as always but with `b64: false`.
    """

    alg: str
    kid: str
    thumbprint: bytes
    encoded: bool
    protected: bytes = field(repr=False)
    value: bytes = field(repr=False)


def read(text: str) -> DetachedJws:
    """Read `header..signature`. `jwk`, `x5c`, `jku` and `x5u` in the header are never looked at (RFC 8725 3.10).

    Raises:
        BadInput: `signature-unreadable`, `signature-algorithm`.
    """
    match = _DETACHED.fullmatch(text) if len(text) <= _LARGEST else None
    if match is None:
        raise _unreadable()
    try:
        header = read_object(_decode(match[1]), max_bytes=_LARGEST, max_depth=8)
        thumbprint = _decode(str(header.get("x5t#S256", "")))
        value = _decode(match[2])
    except (JsonError, ValueError) as error:
        raise _unreadable() from error
    alg, critical, encoded = header.get("alg"), header.get("crit"), header.get("b64", True)
    if not isinstance(alg, str) or alg not in _ALGORITHMS:
        raise _refused("signature-algorithm", "The signature was made in a way that is not known.")
    # RFC 7797 6: b64 counts only when it is named as critical, and it is the one extension we have.
    if not isinstance(encoded, bool) or critical != (["b64"] if "b64" in header else None):
        raise _refused("signature-algorithm", "The signature asks for an extension that is not known.")
    return DetachedJws(alg, str(header.get("kid", "")), thumbprint, encoded, match[1].encode(), value)


def verify(seal: DetachedJws, body: bytes, key: Any) -> None:
    """Return when the owner of the public key signed exactly this body.

    Raises:
        BadInput: `signature-wrong`, also where the key is of another kind than the algorithm needs.
    """
    signed = seal.protected + b"." + (base64.urlsafe_b64encode(body).rstrip(b"=") if seal.encoded else body)
    try:
        judge, public = _REGISTRY.get_alg("Ed25519" if seal.alg == "EdDSA" else seal.alg), _key(key, _ALGORITHMS[seal.alg])
        judge.check_key(public)
        good = judge.verify(signed, seal.value, public)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("signature-wrong", "The signature is not the sender's.") from error
    if not good:
        raise _refused("signature-wrong", "The signature is not the sender's, or not over this message.")


def _key(key: Any, kind: str) -> Any:
    """The key as joserfc has it, where it is of the right kind."""
    if kind == "RSA" and isinstance(key, rsa.RSAPublicKey):
        return RSAKey.import_key(key)
    if kind == "EC" and isinstance(key, ec.EllipticCurvePublicKey):
        return ECKey.import_key(key)
    if kind == "OKP" and isinstance(key, ed25519.Ed25519PublicKey):
        return OKPKey.import_key(key)
    raise ValueError("another kind of key")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _unreadable() -> BadInput:
    return _refused("signature-unreadable", "The signature cannot be read.")


def _refused(code: str, sentence: str) -> BadInput:
    return BadInput(code, sentence, phase=_PHASE)
