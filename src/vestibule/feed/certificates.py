"""Reading the certificate file that an administrator uploads: one Base64 certificate with a public key, and nothing else. Pure.

Whatever else people have at hand when they look for "the certificate" is told by its looks, so that the answer says what to do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from vestibule.errors import BadInput

PHASE: Final = "feed.certificate"
MOST_BYTES: Final = 32_000
_RSA_BITS: Final = 2048
_LONGEST_SUBJECT: Final = 400
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_BARE = re.compile(rb"[A-Za-z0-9+/=\s]+")
_PKCS12 = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x80)\x02\x01\x03", re.DOTALL)
_PKCS7: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # the OID of signedData (RFC 5652 5.1)
_DER: Final = b"\x30"
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True)
class ReadCertificate:
    """What stands in a certificate that may be used.

    Attributes:
        der: the certificate itself.
        key_hash: SHA-256 of its SubjectPublicKeyInfo.
        key: its kind and size in words.
    """

    der: bytes = field(repr=False)
    key_hash: bytes
    subject: str
    key: str
    not_before: datetime
    not_after: datetime


def read_certificate(data: bytes, now: datetime) -> ReadCertificate:
    """The one certificate in a `.cer` or `.pem` file.

    Args:
        data: the file, as it was uploaded or pasted.
        now: what it must not have expired by. One that begins later is taken: it overlaps with its predecessor.

    Raises:
        BadInput: with a code `certificate-...` that says what it is instead, or what is wrong with it.
    """
    certificate = _parsed(_der(data))
    if certificate.not_valid_after_utc <= now:
        raise BadInput("certificate-expired", "This certificate has expired.", phase=PHASE)
    if _is_authority(certificate):
        raise BadInput("certificate-authority", "This is the certificate of an authority, not of a sender.", phase=PHASE)
    key = _key_words(certificate)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return ReadCertificate(
        der=certificate.public_bytes(Encoding.DER),
        key_hash=hashlib.sha256(spki).digest(),
        subject=_subject(certificate),
        key=key,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def key_words(der: bytes) -> str:
    """What kind of key a certificate has that was taken earlier."""
    return _key_words(_parsed(der))


def _der(data: bytes) -> bytes:
    """The bytes of the one certificate in Base64, or what stands against it."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not data:
        raise BadInput("certificate-missing", "Choose the certificate's file, or paste what is in it.", phase=PHASE)
    if len(data) > MOST_BYTES:
        raise BadInput("certificate-too-large", "This is far larger than a certificate.", phase=PHASE)
    labels = set(_LABEL.findall(data))
    if any(b"PRIVATE KEY" in label for label in labels):
        raise BadInput(
            "certificate-private-key", "This file holds a private key, which only its owner may have. It was not kept.", phase=PHASE
        )
    if data.startswith(_DER):
        raise _binary(data)
    if labels - {b"CERTIFICATE"}:
        raise BadInput("certificate-other-thing", "This is not a certificate but something else of a key's life.", phase=PHASE)
    blocks = _BLOCK.findall(data)
    if len(blocks) > 1:
        raise BadInput("certificate-several", "There are several certificates in this file. Upload the sender's own only.", phase=PHASE)
    return _decoded(blocks[0] if blocks else data)


def _binary(data: bytes) -> BadInput:
    """Why a binary file is not taken."""
    if _PKCS12.match(data):
        return BadInput("certificate-pkcs12", "This is a PKCS#12 file (.pfx): it may hold a private key. It was not kept.", phase=PHASE)
    if _PKCS7 in data[:40]:
        return BadInput("certificate-other-thing", "This is a PKCS#7 file (.p7b), not a certificate.", phase=PHASE)
    return BadInput("certificate-not-base64", "This is a binary file. Export the certificate as Base-64 encoded X.509 (.cer).", phase=PHASE)


def _decoded(text: bytes) -> bytes:
    """Base64 as certificates are written; with or without the lines round it."""
    if not _BARE.fullmatch(text):
        raise _unreadable()
    try:
        der = base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    if _PKCS12.match(der) or _PKCS7 in der[:40]:
        raise _binary(der)
    return der


def _parsed(der: bytes) -> x509.Certificate:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_der_x509_certificate(der)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise _unreadable() from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        raise _unreadable() from None


def _key_words(certificate: x509.Certificate) -> str:
    """RSA from 2,048 bits on and the three NIST curves: what TLS, CMS and JWS all take."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _weak() from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return f"EC P-{key.curve.key_size}"
    raise _weak()


def _subject(certificate: x509.Certificate) -> str:
    """What it is called, for people; nothing is decided by it."""
    try:
        name = certificate.subject.rfc4514_string()
    except ValueError:
        name = ""
    printable = "".join(c if c.isprintable() else " " for c in name)
    return printable[:_LONGEST_SUBJECT]


def _weak() -> BadInput:
    return BadInput("certificate-weak", "Its key is too weak, or no RSA key from 2,048 bits and no P-256, P-384 or P-521.", phase=PHASE)


def _unreadable() -> BadInput:
    return BadInput("certificate-unreadable", "This is no certificate in Base64, or it is damaged.", phase=PHASE)
