"""Public keys as an analyst uploads them: a certificate in Base64 (`.cer`), public part only."""

from __future__ import annotations

import base64
import re
import textwrap
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey, RSAKey

from practice.records import BadRecord

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_certificate(raw: bytes, now: float) -> str:
    """The one certificate in an upload or a pasted text, as Base64 in lines.

    Raises:
        BadRecord: for anything but one Base64 certificate that is in force.
    """
    if raw[:1] == b"\x30":
        raise BadRecord("Public key: the file is binary (DER). Export it as Base64-encoded X.509 (.cer).")
    text = raw.decode("ascii", "replace")
    if "PRIVATE KEY" in text:
        raise BadRecord("Public key: this holds a private key. It must never leave its owner; make a new one, and upload the .cer only.")
    found = _PEM.findall(text) or [text]
    if len(found) > 1:
        raise BadRecord("Public key: one certificate, please.")
    try:
        der = base64.b64decode("".join(found[0].split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise BadRecord("Public key: this is not a Base64-encoded certificate.") from error
    if not certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp():
        raise BadRecord("Public key: the certificate is over, or does not count yet.")
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadRecord("Public key: RSA and elliptic curves are known here.")
    return "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))


def key_of(certificate: str, kid: str) -> Any:
    """The key in a registered certificate; it has no kid of its own, so it takes any."""
    public = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split()))).public_key()
    kind: Any = RSAKey if isinstance(public, rsa.RSAPublicKey) else ECKey
    return kind.import_key(public, {"kid": kid})


def describe(certificate: str) -> str:
    """Whose it is and until when, for people."""
    read = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split())))
    return f"{read.subject.rfc4514_string() or 'no name'}, until {read.not_valid_after_utc:%Y-%m-%d}"


def as_file(certificate: str) -> bytes:
    """The certificate as a `.cer` file."""
    return x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split()))).public_bytes(Encoding.PEM)
