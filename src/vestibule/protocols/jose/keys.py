"""Signing keys of ours: made, kept as a private JWK, published as a public one (RFC 7517, RFC 7518).

SMART App Launch 2.2, "Asymmetric authentication": clients sign with RS384 or ES384; Epic also takes ES256.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.util import base64_to_int

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384"}
_RSA_BITS: Final = 3072  # NIST SP 800-57: 128 bits of strength, as long as RSA is asked for at all
SIGNING_ALGORITHMS: Final = ("ES384", "RS384", "ES256")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One private key with the single algorithm it may be used with (RFC 8725 3.1).

    Attributes:
        kid: the thumbprint of the public half (RFC 7638), so that two keys can never share a name.
    """

    kid: str
    alg: str
    key: ECKey | RSAKey = field(repr=False)

    @classmethod
    def generate(cls, alg: str) -> SigningKey:
        """A new key for `alg`, one of SIGNING_ALGORITHMS."""
        key: ECKey | RSAKey
        if alg in _CURVES:
            key = ECKey.generate_key(_CURVES[alg])
        elif alg == "RS384":
            key = RSAKey.generate_key(_RSA_BITS)
        else:
            raise ValueError(f"no signing key for algorithm {alg}")
        return cls(key.thumbprint(), alg, key)

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """The key that `to_text` wrote."""
        jwk = json.loads(text)
        if not isinstance(jwk, dict) or jwk.get("kty") not in {"EC", "RSA"} or jwk.get("alg") not in SIGNING_ALGORITHMS:
            raise ValueError("not a private signing key")
        key = _own_rsa(jwk) if jwk["kty"] == "RSA" else JWKRegistry.import_key(jwk)
        if not isinstance(key, ECKey | RSAKey) or not key.is_private:
            raise ValueError("not a private signing key")
        return cls(str(jwk["kid"]), str(jwk["alg"]), key)

    def to_text(self) -> str:
        """The private JWK as JSON. A secret: seal it before it is stored."""
        return json.dumps(self.key.as_dict(private=True) | self._labels())

    def public(self) -> dict[str, Any]:
        """The public JWK, with the labels that let a verifier choose it."""
        return dict(self.key.as_dict(private=False)) | self._labels()

    def _labels(self) -> dict[str, str]:
        return {"kid": self.kid, "alg": self.alg, "use": "sig"}


def _own_rsa(jwk: Mapping[str, Any]) -> RSAKey:
    """An RSA key that we made ourselves and kept sealed: proving its factors prime again would take a tenth of a second each time."""
    members = ("n", "e", "d", "p", "q", "dp", "dq", "qi")
    if not all(isinstance(jwk.get(name), str) for name in members):
        raise ValueError("not a private signing key")
    n, e, d, p, q, dp, dq, qi = (base64_to_int(jwk[name]) for name in members)
    numbers = RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(e, n))
    private = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return RSAKey(private, private)


def public_jwks(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """The JWK set to publish (RFC 7517 5)."""
    return {"keys": [key.public() for key in keys]}
