"""JSON Object Signing: our keys, other people's keys, and signed tokens (RFC 7515, 7517, 7518, 7519, 8725)."""

from vestibule.protocols.jose.by_certificate import sign_by_certificate, thumbprint
from vestibule.protocols.jose.certificate import CERTIFICATE_DAYS, certificate
from vestibule.protocols.jose.jwks import VERIFIED_ALGORITHMS, Jwks
from vestibule.protocols.jose.keys import SIGNING_ALGORITHMS, SigningKey, public_jwks
from vestibule.protocols.jose.tokens import Verified, peek, sign, verify

__all__ = [
    "CERTIFICATE_DAYS",
    "SIGNING_ALGORITHMS",
    "VERIFIED_ALGORITHMS",
    "Jwks",
    "SigningKey",
    "Verified",
    "certificate",
    "peek",
    "public_jwks",
    "sign",
    "sign_by_certificate",
    "thumbprint",
    "verify",
]
