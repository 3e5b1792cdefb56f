"""A signing key's public half as an X.509 certificate (RFC 5280), for records that take certificates instead of a JWK set.

Epic asks for a Base64 `.cer` with the public key only, one per environment. It is signed by the key itself and says nothing but whose key
it is; the same key and dates give the same serial number, so that two downloads are one certificate.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from vestibule.protocols.jose.keys import SigningKey

CERTIFICATE_DAYS: Final = timedelta(days=730)
_MAX_NAME: Final = 64  # RFC 5280 A.1, ub-common-name


def certificate(key: SigningKey, *, name: str, active_from: datetime) -> bytes:
    """The certificate of a key, as the text between BEGIN and END that a `.cer` file holds.

    Args:
        key: whose public half is certified.
        name: the common name; shortened to what X.509 allows.
        active_from: when the key may first sign; the certificate is valid from then for two years.
    """
    private = cast("rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey", key.key.private_key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAX_NAME] or "Vestibule")])
    start = active_from.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(_serial(key))
        .not_valid_before(start)
        .not_valid_after(start + CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(
        private, hashes.SHA384(), ecdsa_deterministic=True if isinstance(private, ec.EllipticCurvePrivateKey) else None
    ).public_bytes(Encoding.PEM)


def _serial(key: SigningKey) -> int:
    """Positive and at most 20 octets (RFC 5280 4.1.2.2)."""
    return int.from_bytes(hashlib.sha256(key.kid.encode()).digest()[:16]) | 1
