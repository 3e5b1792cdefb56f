"""The engine's own keys: made when first asked for, kept in the hospital's folder, handed out as a certificate only (Base64 `.cer`)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

_YEARS = 2


class Keys:
    """One key at a time; `renew` puts another in its place, as a hospital does before a certificate is over."""

    def __init__(self, folder: Path, now: float, name: str = "Eastmere interface engine") -> None:
        self._key_path, self._certificate_path = folder / "interface-key.pem", folder / "interface.cer"
        self._name, self._now = name, now

    @property
    def files(self) -> tuple[Path, Path]:
        """Certificate and key, for a TLS connection. Made when somebody first asks for them: that takes a while."""
        if not (self._key_path.exists() and self._certificate_path.exists()):
            self.renew(self._now)
        return self._certificate_path, self._key_path

    @property
    def certificate(self) -> x509.Certificate:
        """What the other side is given."""
        return x509.load_pem_x509_certificate(self.files[0].read_bytes())

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """What never leaves."""
        found = load_pem_private_key(self.files[1].read_bytes(), None)
        if not isinstance(found, rsa.RSAPrivateKey):
            raise TypeError("the engine's key is RSA")
        return found

    def cer(self) -> bytes:
        """The certificate as Base64 X.509."""
        return self.files[0].read_bytes()

    def renew(self, now: float, *, days: int = _YEARS * 365) -> None:
        """A new key and a certificate of its own for it; a negative number of days makes one that is over."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        at = datetime.fromtimestamp(now, UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - timedelta(days=1 if days > 0 else 1 - 2 * days))
            .not_valid_after(at + timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self._key_path, private, mode=0o600)
        _write(self._certificate_path, made.public_bytes(Encoding.PEM), mode=0o644)


def _write(path: Path, body: bytes, *, mode: int) -> None:
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "wb") as file:
        file.write(body)
    beside.replace(path)
