"""Notifications that only their reader can open, and that prove who sent them; and the ways in which a test can have that wrong.

A fresh key for each item: the data under AES-256-CBC with the key's first sixteen bytes to begin with, an HMAC-SHA256 over what came of
it, and the key itself under RSA-OAEP with SHA-1 to the subscriber's certificate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from practice.microsoft.graph.model import NoticeFault

PUBLISHER: Final = "0bf30f3b-4a52-48df-9a82-234910c4a086"  # Microsoft Graph Change Tracking
_LIFE = 8 * 3600
_STRANGER = "00000000-dead-4bad-8bad-000000000000"
_BLOCK = 128


def public_key(certificate: str) -> rsa.RSAPublicKey:
    """The RSA key of a Base64 DER certificate.

    Raises:
        ValueError: there is none, or it is shorter than 2048 bits or longer than 4096.
    """
    key = _certificate(certificate).public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 4096:  # noqa: PLR2004
        raise ValueError("an RSA key of 2048 to 4096 bits is needed")
    return key


def _certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def seal(data: dict[str, Any], certificate: str, certificate_id: str, *, fault: NoticeFault = "none") -> dict[str, str]:
    """The `encryptedContent` of one item."""
    key = secrets.token_bytes(32)
    padder = PKCS7(_BLOCK).padder()
    plain = padder.update(msgspec.json.encode(data)) + padder.finalize()
    machine = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = machine.update(plain) + machine.finalize()
    signature = hmac.digest(key, sealed, "sha256")
    wrapped = public_key(certificate).encrypt(key, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303 - Graph's choice
    if fault == "data":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    if fault == "data-signature":
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    if fault == "key":
        wrapped = secrets.token_bytes(len(wrapped))
    return {
        "data": base64.b64encode(sealed).decode(),
        "dataSignature": base64.b64encode(signature).decode(),
        "dataKey": base64.b64encode(wrapped).decode(),
        "encryptionCertificateId": certificate_id,
        "encryptionCertificateThumbprint": hashlib.sha1(base64.b64decode(certificate), usedforsecurity=False).hexdigest().upper(),
    }


def token_claims(app_id: str, tid: str, now: float, *, fault: NoticeFault = "none") -> dict[str, Any]:
    """What a validation token says: one for each app and directory in a batch."""
    at, issuer = int(now), f"https://sts.windows.net/{tid}/"
    claims: dict[str, Any] = {
        "aud": app_id,
        "iss": issuer,
        "iat": at,
        "nbf": at,
        "exp": at + _LIFE,
        "aio": secrets.token_urlsafe(20),
        "appid": PUBLISHER,
        "appidacr": "2",
        "idp": issuer,
        "tid": tid,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
    }
    wrong: dict[str, dict[str, Any]] = {
        "audience": {"aud": _STRANGER},
        "issuer": {"iss": f"https://sts.windows.net/{_STRANGER}/"},
        "appid": {"appid": _STRANGER},
        "expired": {"iat": at - 2 * _LIFE, "nbf": at - 2 * _LIFE, "exp": at - _LIFE},
    }
    return {**claims, **wrong.get(fault, {})}
