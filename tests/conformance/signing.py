"""A signer that does whatever a test asks, right or wrong: built on `cryptography` alone, sharing no code with what it judges."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
ISSUER = "https://ehr.example/oauth2"
FHIR_BASE = "https://ehr.example/api/FHIR/R4"
CLIENT = "vestibule-provider"
NONCE = "n-0S6_WzA2Mj"

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk(key: Any, kid: str | None, **labels: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        body = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    else:
        size = (key.key_size + 7) // 8
        body = {"kty": "EC", "crv": f"P-{key.key_size}", "x": _number(numbers.x, size), "y": _number(numbers.y, size)}
    return body | ({"kid": kid} if kid else {}) | labels


def token(claims: Any, key: Any, *, alg: str, header: dict[str, Any] | None = None, kid: str | None = "k1") -> str:
    head = {"alg": alg, "typ": "JWT", **({"kid": kid} if kid else {}), **(header or {})}
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{b64(json.dumps(head).encode())}.{b64(body)}"
    return f"{signed}.{b64(signature(signed.encode(), key, alg))}"


def signature(data: bytes, key: Any, alg: str) -> bytes:
    digest: Any = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}.get(alg[-3:], hashes.SHA256)()
    if isinstance(key, bytes):
        return hmac.new(key, data, {"256": hashlib.sha256, "384": hashlib.sha384}[alg[-3:]]).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big") for n in decode_dss_signature(key.sign(data, ec.ECDSA(digest))))
    return b""


def good_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a faultless id_token; a change to None takes the claim away."""
    at = int(NOW.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "eUser1",
        "exp": at + 300,
        "iat": at,
        "nonce": NONCE,
        "fhirUser": f"{FHIR_BASE}/Practitioner/eUser1",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}
