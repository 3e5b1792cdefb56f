"""Whose signatures are believed: certificates that somebody uploaded, by every name that a signature may call them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_RSA_BITS: Final = range(2048, 8193)  # NIST SP 800-131A: less is forged; a giant modulus costs seconds a signature


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate whose key may sign.

    Attributes:
        key_hash: SHA-256 of its SubjectPublicKeyInfo.
        issuer: DER of the issuer's name.
        key_id: the subject key identifier (RFC 5280 4.2.1.2), empty where the certificate has none.
        thumbprint: SHA-256 of the certificate.
    """

    key_hash: bytes
    issuer: bytes
    serial: int
    key_id: bytes
    thumbprint: bytes
    key: PublicKey = field(repr=False)


def key_hash(certificate: bytes) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo of a certificate (DER): what a sender is known by, whatever certificate it shows for the key."""
    return _hash(x509.load_der_x509_certificate(certificate).public_key())


def signers(certificates: Iterable[bytes]) -> list[Signer]:
    """Those of the certificates (DER) whose keys are fit to verify with."""
    return [signer for certificate in certificates if (signer := _signer(certificate)) is not None]


def _signer(certificate: bytes) -> Signer | None:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        read = Certificate.load(certificate)
        issuer, serial, key_id = read.issuer.dump(), read.serial_number, read.key_identifier or b""
    except ValueError:
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in _RSA_BITS:
        return None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return None
    return Signer(_hash(key), issuer, serial, key_id, hashlib.sha256(certificate).digest(), key)


def _hash(key: Any) -> bytes:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
