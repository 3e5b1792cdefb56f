"""RFC 8725, "JSON Web Token Best Current Practices": each attack it names, tried."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from conformance.signing import NOW, OTHER_RSA, P256, P384, RSA, b64, good_claims, jwk, token
from vestibule.errors import OutsideFailed
from vestibule.protocols.jose import Jwks, SigningKey, public_jwks, sign, verify

KEYS = Jwks.of({"keys": [jwk(RSA, "k1"), jwk(P256, "e256")]})
HARMLESS = {"sub": "1"}


def refusal(text: str, keys: Jwks = KEYS) -> str:
    with pytest.raises(OutsideFailed) as caught:
        verify(text, keys, phase="test")
    assert caught.value.permanent
    return caught.value.code


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "rs256", "RS1", "ES256K", "EdDSA", "RSA-OAEP"])
def test_2_1_and_3_2_no_algorithm_but_those_listed(alg: str) -> None:
    assert refusal(token(HARMLESS, None, alg=alg)) == (
        "jwt-malformed" if not token(HARMLESS, None, alg=alg).split(".")[2] else "jwt-algorithm"
    )
    assert refusal(token(HARMLESS, None, alg=alg) + b64(b"x")) == "jwt-algorithm"


@pytest.mark.parametrize("value", [None, 1, ["RS256"], {"RS256": 1}, True])
def test_3_1_the_algorithm_is_a_name(value: Any) -> None:
    assert refusal(token(HARMLESS, RSA, alg="RS256", header={"alg": value})) == "jwt-algorithm"


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_2_1_a_public_key_is_never_an_hmac_secret(encoding: Encoding) -> None:
    secret = RSA.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    assert refusal(token(HARMLESS, secret, alg="HS256")) == "jwt-algorithm"


def test_3_1_a_key_is_used_with_its_own_algorithm_only() -> None:
    only_384 = Jwks.of({"keys": [jwk(RSA, "k1", alg="RS384")]})
    assert refusal(token(HARMLESS, RSA, alg="RS256"), only_384) == "jwt-key-unknown"
    assert verify(token(HARMLESS, RSA, alg="RS384"), only_384, phase="test").claims == HARMLESS


def test_3_1_a_curve_fits_one_algorithm() -> None:
    assert refusal(token(HARMLESS, P384, alg="ES256", kid="e"), Jwks.of({"keys": [jwk(P384, "e")]})) == "jwt-key-unknown"


def test_3_3_every_part_is_verified_so_an_unsigned_token_is_none() -> None:
    head, body, _ = token(HARMLESS, RSA, alg="RS256").split(".")
    assert refusal(f"{head}.{body}.") == "jwt-malformed"
    assert refusal(f"{head}.{body}") == "jwt-malformed"
    assert refusal(f"{head}..{b64(b'x')}") == "jwt-malformed"


def test_3_4_a_point_off_the_curve_is_no_key() -> None:
    off = jwk(P256, "e256") | {"x": b64(b"\1" * 32)}
    assert Jwks.of({"keys": [off]}).keys == ()


def test_3_5_a_short_or_giant_modulus_is_no_key() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    giant = jwk(RSA, "g") | {"n": b64(b"\xff" * 4096)}
    assert Jwks.of({"keys": [jwk(short, "k1"), giant]}).keys == ()


def test_3_6_keys_for_encryption_or_with_a_shared_secret_are_skipped() -> None:
    keys = {"keys": [jwk(RSA, "k1", use="enc"), {"kty": "oct", "k": b64(b"s" * 32), "kid": "k1"}, "nonsense", {"kty": "OKP"}, {}]}
    assert Jwks.of(keys).keys == ()


@pytest.mark.parametrize(
    "header", [{"jwk": jwk(OTHER_RSA, "k1")}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/c"}, {"x5c": ["MIIB"]}]
)
def test_3_10_a_token_does_not_bring_its_own_key(header: dict[str, Any]) -> None:
    assert refusal(token(HARMLESS, OTHER_RSA, alg="RS256", header=header)) == "jwt-signature"
    assert verify(token(HARMLESS, RSA, alg="RS256", header=header), KEYS, phase="test").claims == HARMLESS


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "k1\x00", "http://127.0.0.1/", "K1", " k1"])
def test_3_10_a_key_name_is_only_compared(kid: str) -> None:
    assert refusal(token(HARMLESS, RSA, alg="RS256", kid=kid)) == "jwt-key-unknown"


@pytest.mark.parametrize("kid", [7, ["k1"], {"k1": 1}, "x" * 513])
def test_3_10_a_key_name_is_a_short_text(kid: Any) -> None:
    assert refusal(token(HARMLESS, RSA, alg="RS256", header={"kid": kid})) == "jwt-malformed"


@pytest.mark.parametrize(("typ", "code"), [("at+jwt", "jwt-type"), ("logout+jwt", "jwt-type"), (5, "jwt-type")])
def test_3_11_another_type_of_token_is_refused(typ: Any, code: str) -> None:
    assert refusal(token(HARMLESS, RSA, alg="RS256", header={"typ": typ})) == code


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt"])
def test_3_11_the_type_is_not_case_sensitive(typ: str) -> None:
    assert verify(token(HARMLESS, RSA, alg="RS256", header={"typ": typ}), KEYS, phase="test").claims == HARMLESS


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": False}])
def test_rfc7515_4_1_11_a_critical_extension_is_refused(header: dict[str, Any]) -> None:
    assert refusal(token(HARMLESS, RSA, alg="RS256", header=header)) == "jwt-critical"


@pytest.mark.parametrize(
    "body",
    [
        b'{"sub":"1","sub":"2"}',  # RFC 7519 4: names must be unique
        b'{"exp":NaN}',
        b'["sub"]',
        b'"sub"',
        b"{",
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b"\xff\xfe",
    ],
)
def test_rfc7519_claims_are_one_clean_object(body: bytes) -> None:
    assert refusal(token(body, RSA, alg="RS256")) == "jwt-malformed"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c.d", "a.b.c", "é.b.c", "a b.c.d", "x" * 20_000, "=.=.=", "\n", "eyJ9.e30.AA\n"])
def test_text_of_another_form_is_refused(text: str) -> None:
    assert refusal(text) == "jwt-malformed"


@given(st.text(max_size=300))
def test_no_text_at_all_gets_through_or_breaks_us(text: str) -> None:
    assert refusal(text).startswith("jwt-")


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "zip", "cty"]),
        st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text())),
    )
)
def test_no_header_gets_a_foreign_signature_through(header: dict[str, Any]) -> None:
    head = b64(json.dumps(header).encode())
    assert refusal(f"{head}.{b64(b'{}')}.{b64(b'signature')}").startswith("jwt-")


@given(
    st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
)
def test_any_key_list_is_read_or_refused_by_code(document: Any) -> None:
    try:
        Jwks.of(document)
    except OutsideFailed as refused:
        assert refused.code == "jwks-invalid"  # noqa: PT017  either ending is right


def test_rotation_an_unknown_key_name_is_worth_one_fetch_a_minute() -> None:
    fetched = Jwks.of({"keys": []}, fetched_at=NOW)
    assert not fetched.worth_refetching(NOW + timedelta(seconds=59))
    assert fetched.worth_refetching(NOW + timedelta(seconds=60))
    assert Jwks.of({"keys": []}).worth_refetching(NOW)
    assert fetched.stale(NOW + timedelta(hours=12))
    assert not fetched.stale(NOW + timedelta(hours=11))


@pytest.mark.parametrize("alg", ["ES384", "RS384", "ES256"])
def test_our_own_keys_survive_being_kept_and_never_publish_their_private_half(alg: str) -> None:
    key = SigningKey.from_text(SigningKey.generate(alg).to_text())
    published = public_jwks([key])
    assert verify(sign(good_claims(), key), Jwks.of(published), phase="test").claims == good_claims()
    assert {"d", "p", "q", "dp", "dq", "qi"}.isdisjoint(published["keys"][0])
    assert published["keys"][0] | {"use": "sig", "alg": alg, "kid": key.kid} == published["keys"][0]
    assert repr(key).count("key=") == 0


PUBLIC_ONLY = SigningKey.generate("ES256").public()


@pytest.mark.parametrize(
    "text", ['{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"1"}', '{"kty":"EC"}', "[]", "{}", json.dumps(PUBLIC_ONLY)]
)
def test_text_that_is_no_private_key_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a private signing key"):
        SigningKey.from_text(text)
