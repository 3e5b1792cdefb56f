"""The sign-in's signing keys, published the way Microsoft does: with a certificate and an issuer to each, and without `alg`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

_BITS = 2048
_KEPT = 2
_NO_ALGORITHM = b'{"alg":"none","typ":"JWT"}'
_YEARS = timedelta(days=5 * 365)


def _bare(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class SignInKey:
    """One key pair with its certificate; the kid is the certificate's SHA-1."""

    def __init__(self) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "practice.sign-in.example")])
        start = datetime.now(UTC) - timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + _YEARS)
        self._der = builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
        self.kid = _bare(hashlib.sha1(self._der, usedforsecurity=False).digest())
        self.key = RSAKey.import_key(private)

    def public(self, issuer: str) -> dict[str, Any]:
        """As an entry of the JWKS."""
        numbers = self.key.as_dict(private=False)
        certificate = base64.b64encode(self._der).decode()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": numbers["n"],
            "e": numbers["e"],
            "x5c": [certificate],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": issuer,
        }


class SignInKeys:
    """The newest signs, the one before stays published."""

    def __init__(self) -> None:
        self._made: list[SignInKey] = []
        self._stranger: SignInKey | None = None

    @property
    def _keys(self) -> list[SignInKey]:
        if not self._made:
            self._made.append(SignInKey())
        return self._made

    def rotate(self, *, forget: bool = False) -> str:
        """Make a new key the signing one; with `forget` the old ones are no longer published. Gives the new kid."""
        self._keys.insert(0, SignInKey())
        del self._keys[1 if forget else _KEPT :]
        return self._keys[0].kid

    def sign(self, claims: Mapping[str, Any], *, fault: str = "none") -> str:
        """A signed JWT; with a fault, one that nobody should believe."""
        good = self._keys[0]
        if fault == "unsigned":
            return f"{_bare(_NO_ALGORITHM)}.{_bare(json.dumps(dict(claims)).encode())}."
        signer = self._unpublished() if fault in {"signature", "old-key"} else good
        kid = signer.kid if fault == "old-key" else good.kid
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": kid}, dict(claims), signer.key, algorithms=["RS256"])

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that one of these keys signed, whatever they say; None for any other."""
        for key in self._keys:
            try:
                return dict(jwt.decode(token, key.key, algorithms=["RS256"]).claims)
            except (JoseError, ValueError):
                continue
        return None

    def _unpublished(self) -> SignInKey:
        """A key that is in no JWKS."""
        if self._stranger is None:
            self._stranger = SignInKey()
        return self._stranger

    def public(self, issuer: str) -> dict[str, Any]:
        """The JWKS."""
        return {"keys": [key.public(issuer) for key in self._keys]}
