"""What may be uploaded as a sender's certificate, and what each other thing is called."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs7, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput
from vestibule.feed.certificates import read_certificate

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def certificate(
    key: Any = EC, *, ends: datetime = NOW + timedelta(days=365), ca: bool | None = False, name: str = "sender"
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(ends - timedelta(days=700)).not_valid_after(ends)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(EC, hashes.SHA256())


def pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.PEM)


GOOD = certificate()


@pytest.mark.parametrize(
    "data",
    [
        pem(GOOD),
        pem(GOOD).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + pem(GOOD),
        b"Bag Attributes\n  friendlyName: sender\n" + pem(GOOD),
        base64.b64encode(GOOD.public_bytes(Encoding.DER)),
        b"\n".join(pem(GOOD).splitlines()[1:-1]),
    ],
    ids=["pem", "from Windows", "with a byte order mark", "with words before it", "bare Base64", "bare lines"],
)
def test_a_base64_certificate_is_taken_however_it_is_written(data: bytes) -> None:
    read = read_certificate(data, NOW)
    assert (read.subject, read.key, read.not_after) == ("CN=sender", "EC P-256", NOW + timedelta(days=365))
    assert read.der == GOOD.public_bytes(Encoding.DER)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(EC.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert read.key_hash == digest.finalize()


def test_one_that_begins_later_is_taken_so_that_two_overlap() -> None:
    assert read_certificate(pem(certificate(ends=NOW + timedelta(days=900))), NOW).not_before > NOW


def test_a_certificate_without_basic_constraints_and_one_with_an_rsa_key_are_taken() -> None:
    assert read_certificate(pem(certificate(RSA, ca=None)), NOW).key == "RSA 2048"


PRIVATE = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
LEGACY = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
BUNDLE = pkcs12.serialize_key_and_certificates(b"x", EC, GOOD, None, NoEncryption())
REQUEST = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(EC, hashes.SHA256()).public_bytes(Encoding.PEM)
PUBLIC = EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
P7B = pkcs7.serialize_certificates([GOOD], Encoding.DER)
VERSION_8 = GOOD.public_bytes(Encoding.DER).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "certificate-missing"),
        (b" \r\n ", "certificate-missing"),
        (b"A" * 40_000, "certificate-too-large"),
        (PRIVATE, "certificate-private-key"),
        (LEGACY, "certificate-private-key"),
        (pem(GOOD) + PRIVATE, "certificate-private-key"),
        (BUNDLE, "certificate-pkcs12"),
        (base64.b64encode(BUNDLE), "certificate-pkcs12"),
        (GOOD.public_bytes(Encoding.DER), "certificate-not-base64"),
        (P7B, "certificate-other-thing"),
        (base64.b64encode(P7B), "certificate-other-thing"),
        (pkcs7.serialize_certificates([GOOD], Encoding.PEM), "certificate-other-thing"),
        (REQUEST, "certificate-other-thing"),
        (PUBLIC, "certificate-other-thing"),
        (pem(GOOD) + pem(certificate(RSA)), "certificate-several"),
        (b"hello", "certificate-unreadable"),
        (b"<html>not found</html>", "certificate-unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate-unreadable"),
        (b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----", "certificate-unreadable"),
        (base64.b64encode(EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())), "certificate-unreadable"),
        (base64.b64encode(VERSION_8), "certificate-unreadable"),
        (pem(certificate(ends=NOW)), "certificate-expired"),
        (pem(certificate(ca=True)), "certificate-authority"),
        (pem(certificate(rsa.generate_private_key(65537, 1024))), "certificate-weak"),
        (pem(certificate(ec.generate_private_key(ec.SECP256K1()))), "certificate-weak"),
        (pem(certificate(ed25519.Ed25519PrivateKey.generate())), "certificate-weak"),
    ],
)
def test_anything_else_is_refused_with_its_reason(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_certificate(data, NOW)
    assert refused.value.code == code


@given(st.binary(max_size=400) | st.binary(max_size=200).map(base64.b64encode) | st.binary(max_size=300).map(lambda b: b"0\x82" + b))
def test_no_file_makes_it_fall_over(data: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        read_certificate(data, NOW)
    assert refused.value.code.startswith("certificate-")


@given(st.integers(0, len(pem(GOOD)) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused_but_never_more(place: int, byte: int) -> None:
    data = bytearray(pem(GOOD))
    data[place] = byte
    with suppress(BadInput):
        assert read_certificate(bytes(data), NOW).key_hash


def test_the_names_in_it_cannot_write_over_a_page() -> None:
    assert "\u202e" not in read_certificate(pem(certificate(name="a\u202eb\nc")), NOW).subject
