"""A client assertion signed by the key of a certificate, as Microsoft Entra wants it: the certificate named by its thumbprint, no `kid`.

"Microsoft identity platform application authentication certificate credentials": PS256 and `x5t#S256` (RFC 7515 4.1.8, RFC 7518 3.5).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey

_ALGORITHM: Final = "PS256"


def sign_by_certificate(claims: Mapping[str, Any], *, private: bytes, certificate: bytes) -> str:
    """A compact JWS over `claims`.

    Args:
        claims: of the token.
        private: an RSA key of ours, PKCS#8 DER. It was made here and kept sealed, so its factors are not proved prime again.
        certificate: its certificate, DER.

    Raises:
        ValueError: the key cannot be read. TypeError: it is not RSA.
    """
    key = load_der_private_key(private, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key of a certificate must be RSA")
    header = {"alg": _ALGORITHM, "x5t#S256": thumbprint(certificate)}
    return jwt.encode(header, dict(claims), RSAKey(key, key), algorithms=[_ALGORITHM])


def thumbprint(certificate: bytes) -> str:
    """SHA-256 of the certificate's DER, in base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).rstrip(b"=").decode()
