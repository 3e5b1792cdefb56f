"""A JWS over a body beside it: by RFC 7515 appendix F, also unencoded, and nothing that talks us into believing it."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from support.feeding import message
from vestibule.errors import BadInput
from vestibule.protocols.jose.detached import read, verify

BODY = message()
RSA = rsa.generate_private_key(65537, 2048)
P256, P384, P521 = (ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))
ED = ed25519.Ed25519PrivateKey.generate()
WAYS = [("RS256", RSA), ("RS512", RSA), ("PS256", RSA), ("PS384", RSA), ("ES256", P256), ("ES384", P384), ("ES512", P521), ("Ed25519", ED)]


def sign(alg: str, key: Any, body: bytes = BODY, **header: Any) -> str:
    kind = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey if isinstance(key, ec.EllipticCurvePrivateKey) else OKPKey
    whole = jws.serialize_compact({"alg": alg, **header}, body, kind.import_key(key), algorithms=[alg])
    head, _, value = whole.split(".")
    return f"{head}..{value}"


def judge(text: str, key: Any, body: bytes = BODY) -> str:
    try:
        verify(read(text), body, key.public_key())
    except BadInput as error:
        return error.code
    return ""


@pytest.mark.parametrize(("alg", "key"), WAYS, ids=[alg for alg, _ in WAYS])
def test_a_good_signature_is_believed_over_its_body_only(alg: str, key: Any) -> None:
    text = sign(alg, key, kid="one")
    assert judge(text, key) == ""
    assert judge(text, key, BODY + b"\r") == "signature-wrong"
    assert judge(text, RSA if key is not RSA else P256) == "signature-wrong"
    assert read(text).kid == "one"


def test_the_body_may_be_signed_as_it_is() -> None:
    """RFC 7797: what is signed is the body itself, behind the header and a dot."""
    header = _b64(json.dumps({"alg": "ES256", "b64": False, "crit": ["b64"]}).encode())
    algorithm = jws.JWSRegistry(algorithms=["ES256"]).get_alg("ES256")
    value = algorithm.sign(header.encode() + b"." + BODY, ECKey.import_key(P256))
    assert judge(f"{header}..{_b64(value)}", P256) == ""
    assert judge(f"{header}..{_b64(value)}", P256, _b64(BODY).encode()) == "signature-wrong"


def test_the_certificate_it_names_is_told() -> None:
    assert read(sign("ES256", P256, **{"x5t#S256": _b64(b"x" * 32)})).thumbprint == b"x" * 32


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none"}, "signature-algorithm"),
        ({"alg": "NONE"}, "signature-algorithm"),
        ({"alg": "HS256"}, "signature-algorithm"),
        ({"alg": ["ES256"]}, "signature-algorithm"),
        ({}, "signature-algorithm"),
        ({"alg": "ES256", "crit": ["exp"]}, "signature-algorithm"),
        ({"alg": "ES256", "b64": False}, "signature-algorithm"),
        ({"alg": "ES256", "b64": "no", "crit": ["b64"]}, "signature-algorithm"),
        ({"alg": "ES256", "crit": []}, "signature-algorithm"),
        ({"alg": "ES256", "x5t#S256": "!"}, "signature-unreadable"),
        ({"alg": "RS256"}, "signature-wrong"),
        ({"alg": "ES384"}, "signature-wrong"),
        ({"alg": "ES256", "jwk": ECKey.generate_key("P-256").as_dict(private=False)}, "signature-wrong"),
    ],
)
def test_a_header_talks_us_into_nothing(header: dict[str, Any], code: str) -> None:
    assert judge(f"{_b64(json.dumps(header).encode())}..{_b64(b's' * 64)}", P256) == code


def test_a_public_key_is_no_shared_secret() -> None:
    pem, head = ECKey.import_key(P256.public_key()).as_pem(), _b64(b'{"alg":"HS256"}')
    value = hmac.digest(pem, f"{head}.{_b64(BODY)}".encode(), "sha256")
    assert judge(f"{head}..{_b64(value)}", P256) == "signature-algorithm"


def test_the_elder_name_of_ed25519_is_known() -> None:
    head = _b64(b'{"alg":"EdDSA"}')
    assert judge(f"{head}..{_b64(ED.sign(f'{head}.{_b64(BODY)}'.encode()))}", ED) == ""


@pytest.mark.parametrize(
    "text", ["", "..", "a.b.c", "a..", "..b", "e30..", "e30...x", "a..b\n", " e30..AA", "é..AA", "A" * 20_000 + "..AA"]
)
def test_what_is_none_is_unreadable(text: str) -> None:
    assert judge(text, P256) == "signature-unreadable"


@given(st.text(max_size=200), st.binary(max_size=64))
def test_no_text_breaks_it(text: str, body: bytes) -> None:
    assert judge(f"{_b64(text.encode('utf-8', 'replace'))}..AAAA", P256, body)
    assert judge(text, P256, body)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
