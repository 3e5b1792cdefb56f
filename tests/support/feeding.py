"""What tests of the feed begin with: a connection whose feed is on, senders' keys and certificates, messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from vestibule.feed.model import CHANGED, Received, Sender, Via, name_of
from vestibule.kit.ids import ConnectionId, TenantId, new_id

_CONNECTION = (
    "insert into connections (tenant_id, id, name, vendor, environment, iss, client_auth, join_early_minutes, join_late_minutes) "
    "values ($1, $2, 'Feed', 'epic', 'test', $3, 'private_key_jwt', 30, 240)"
)
_SETTINGS = (
    "insert into feed_settings (tenant_id, connection_id, enabled, plain_port, networks, http_status, changed_at) "
    "values ($1, $2, true, $3, $4, $5, now())"
)
_CERTIFICATE = (
    "insert into feed_certificates (tenant_id, id, connection_id, key_hash, certificate, subject, not_before, not_after, added_at) "
    "values ($1, $2, $3, $4, $5, 'Test sender', $6, $7, now())"
)


@dataclass(frozen=True)
class Key:
    """A sender's key pair with a certificate over it."""

    private: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def hash(self) -> bytes:
        spki = self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(spki).digest()

    def pem(self, path: Path) -> Path:
        """Key and certificate in one file, as a TLS client or server loads them."""
        secret = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(secret + self.certificate.public_bytes(Encoding.PEM))
        return path


def make_key(
    name: str = "sender",
    *,
    starts: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=30),
    private: Any = None,
    issuer: Key | None = None,
    authority: bool = False,
    use: x509.ObjectIdentifier | None = None,
) -> Key:
    """A key of its own with a certificate that it signed itself, or that `issuer` signed."""
    private = private or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.certificate.subject if issuer else subject)
    builder = builder.public_key(private.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + starts).not_valid_after(now + ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signer = issuer.private if issuer else private
    digest = None if "Ed25519" in type(signer).__name__ else hashes.SHA256()
    return Key(private, builder.add_extension(names, critical=False).sign(signer, digest))


async def add_connection(
    owner: asyncpg.Connection, tenant: TenantId, *, port: int | None = None, networks: tuple[str, ...] = (), http_status: bool = False
) -> ConnectionId:
    """A connection whose feed is on."""
    connection = ConnectionId(new_id())
    await owner.execute(_CONNECTION, tenant, connection, f"https://{connection}.example/fhir")
    await owner.execute(_SETTINGS, tenant, connection, port, list(networks), http_status)
    await tell(owner)
    return connection


async def add_certificate(owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId, key: Key) -> UUID:
    """A sender's certificate, as an administrator uploads it."""
    number, certificate = new_id(), key.certificate
    dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    await owner.execute(_CERTIFICATE, tenant, number, connection, key.hash, key.der, *dates)
    await tell(owner)
    return number


async def tell(owner: asyncpg.Connection) -> None:
    """What the settings' service says with each change."""
    await owner.execute(f"notify {CHANGED}")


def message(control_id: str = "1", *, more: str = "", kind: str = "SIU^S12", version: str = "2.3", application: str = "SCHED") -> bytes:
    """An appointment, as an interface sends it: made-up people."""
    segments = (
        rf"MSH|^~\&|{application}|ALDER|VESTIBULE|ALDER|20261120090715||{kind}|{control_id}|P|{version}{more}",
        "SCH|1|700123|||||||20|MIN|^^^202611231430",
        "PID|||Z100200||CANARY^MIRA||19800101|F|||||555-0134",
        "PV1||O|CARD||||||||||||||||5001|",
    )
    return "\r".join(segments).encode("utf-8", "replace") + b"\r"


def received(tenant: TenantId, connection: ConnectionId, control_id: str = "1", body: bytes | None = None) -> Received:
    """A message as a socket hands it to the inbox."""
    sender, body = Sender(tenant, connection), message(control_id) if body is None else body
    return Received(sender, Via.MLLP, control_id, name_of(sender, "SCHED", "ALDER", control_id), body)
