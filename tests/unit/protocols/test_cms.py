"""Detached CMS signatures: made by others' programs, believed only from the sender's own key, over exactly these bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from hypothesis import given
from hypothesis import strategies as st

from support.feeding import Key, make_key, message
from vestibule.errors import BadInput
from vestibule.protocols.cms import Signature, read, signers, verify

BODY = message()
BARE = (PKCS7Options.DetachedSignature, PKCS7Options.Binary)


@pytest.fixture(scope="module")
def keys() -> dict[str, Key]:
    return {
        "rsa": make_key(private=rsa.generate_private_key(65537, 2048)),
        "ec": make_key(private=ec.generate_private_key(ec.SECP384R1())),
        "other": make_key("other"),
    }


def sign(key: Key, body: bytes = BODY, *, digest: Any = None, fill: Any = None, options: Sequence[PKCS7Options] = BARE) -> bytes:
    builder = PKCS7SignatureBuilder().set_data(body)
    builder = builder.add_signer(key.certificate, key.private, digest or hashes.SHA256(), rsa_padding=fill)
    return builder.sign(Encoding.DER, options)


def judge(der: bytes, *known: Key, body: bytes = BODY) -> bytes | str | None:
    """The key's hash, None for nobody known, or the code of what is wrong."""
    try:
        signature = read(der)
        signer = signature.signer(signers(key.der for key in known))
        if signer is None:
            return None
        verify(signature, body, signer)
    except BadInput as error:
        return error.code
    return signer.key_hash


@pytest.mark.parametrize("who", ["rsa", "ec"])
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda d: d.name)
@pytest.mark.parametrize("options", [BARE, (*BARE, PKCS7Options.NoCapabilities), (*BARE, PKCS7Options.NoCerts)], ids=len)
def test_a_signature_of_a_known_key_is_found_and_believed(keys: dict[str, Key], who: str, digest: Any, options: Any) -> None:
    der = sign(keys[who], digest=digest, options=options)
    assert judge(der, keys["other"], keys[who]) == keys[who].hash


@pytest.mark.parametrize("salt", [padding.PSS.MAX_LENGTH, padding.PSS.DIGEST_LENGTH], ids=["max", "digest"])
def test_pss_is_believed(keys: dict[str, Key], salt: Any) -> None:
    fill = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    assert judge(sign(keys["rsa"], fill=fill), keys["rsa"]) == keys["rsa"].hash


@pytest.mark.parametrize("more", [[], ["-keyid"], ["-nocerts"]], ids=["plain", "key id", "no certificate"])
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_what_openssl_signs_is_believed(keys: dict[str, Key], tmp_path: Path, more: list[str]) -> None:
    """Another implementation altogether, in every shape it has."""
    (tmp_path / "body").write_bytes(BODY)
    for who in ("rsa", "ec"):
        pem = str(keys[who].pem(tmp_path / "key.pem"))
        command = [
            "openssl",
            "cms",
            "-sign",
            "-binary",
            "-outform",
            "DER",
            "-md",
            "sha256",
            "-signer",
            pem,
            "-in",
            "body",
            "-out",
            "out",
            *more,
        ]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert judge((tmp_path / "out").read_bytes(), keys[who]) == keys[who].hash


def test_what_does_not_say_its_length_is_read_too(keys: dict[str, Key]) -> None:
    """Bouncy Castle writes it so: BER of indefinite length outside."""
    der = sign(keys["rsa"])
    assert der[:2] == b"\x30\x82"
    assert judge(b"\x30\x80" + der[4:] + b"\0\0", keys["rsa"]) == keys["rsa"].hash


def test_a_stranger_is_nobody_even_with_its_certificate_inside(keys: dict[str, Key]) -> None:
    assert judge(sign(keys["other"]), keys["rsa"], keys["ec"]) is None


def test_a_strangers_signature_under_a_known_name_is_wrong(keys: dict[str, Key]) -> None:
    """It names the known certificate, but another key made it."""
    thief = rsa.generate_private_key(65537, 2048)
    content = asn1.ContentInfo.load(sign(keys["rsa"]))
    content["content"]["signer_infos"][0]["signature"] = thief.sign(BODY, padding.PKCS1v15(), hashes.SHA256())
    assert judge(content.dump(force=True), keys["rsa"]) == "signature-wrong"


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\r", BODY.replace(b"S12", b"S15")])
def test_one_byte_more_or_less_and_it_is_wrong(keys: dict[str, Key], body: bytes) -> None:
    assert judge(sign(keys["ec"]), keys["ec"], body=body) == "signature-wrong"


def test_signed_attributes_are_what_was_signed(keys: dict[str, Key]) -> None:
    """Another message's hash under a good signature over the old one."""
    content, other = asn1.ContentInfo.load(sign(keys["ec"])), asn1.ContentInfo.load(sign(keys["ec"], b"other"))
    content["content"]["signer_infos"][0]["signature"] = other["content"]["signer_infos"][0]["signature"].native
    assert judge(content.dump(force=True), keys["ec"]) == "signature-wrong"


def test_the_attributes_themselves_are_no_message(keys: dict[str, Key]) -> None:
    """The DER of the signed attributes, shown as a content without attributes: refused, for there must be attributes."""
    content = asn1.ContentInfo.load(sign(keys["ec"]))
    info = content["content"]["signer_infos"][0]
    forged = info["signed_attrs"].untag().dump()
    info["signed_attrs"] = asn1.CMSAttributes([])
    assert judge(content.dump(force=True), keys["ec"], body=forged) == "signature-unreadable"


@pytest.mark.parametrize("options", [(PKCS7Options.Binary,), (*BARE, PKCS7Options.NoAttributes)], ids=["content inside", "no attributes"])
def test_other_shapes_are_refused(keys: dict[str, Key], options: Any) -> None:
    assert judge(sign(keys["ec"], options=options), keys["ec"]) == "signature-unreadable"


def test_two_signers_are_refused(keys: dict[str, Key]) -> None:
    builder = PKCS7SignatureBuilder().set_data(BODY)
    for who in ("rsa", "ec"):
        builder = builder.add_signer(keys[who].certificate, keys[who].private, hashes.SHA256())
    assert judge(builder.sign(Encoding.DER, BARE), *keys.values()) == "signature-unreadable"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_sha1_is_refused(keys: dict[str, Key], tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    pem = str(keys["rsa"].pem(tmp_path / "key.pem"))
    command = ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-md", "sha1", "-signer", pem, "-in", "body", "-out", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert judge((tmp_path / "out").read_bytes(), keys["rsa"]) == "signature-algorithm"


def test_a_weak_key_is_nobodys(keys: dict[str, Key]) -> None:
    weak = make_key(private=rsa.generate_private_key(65537, 1024))
    assert judge(sign(weak), weak) is None


def test_certificates_that_cannot_be_read_are_passed_over(keys: dict[str, Key]) -> None:
    assert [one.key_hash for one in signers([b"no certificate", keys["ec"].der, b""])] == [keys["ec"].hash]


@given(st.data())
def test_no_bytes_at_all_get_through_or_break_it(data: st.DataObject) -> None:
    """A good signature with some bytes changed, cut or repeated: refused or unknown, or the change was nowhere that counts."""
    der = bytearray(_DER)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    verdict = judge(bytes(der), _KEY)
    if verdict == _KEY.hash:
        ours = read(bytes(der))
        assert isinstance(ours, Signature)
        assert (ours.signed, ours.value) == (read(_DER).signed, read(_DER).value)


_KEY = make_key()
_DER = sign(_KEY)
