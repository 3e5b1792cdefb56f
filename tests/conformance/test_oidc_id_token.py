"""OpenID Connect Core 1.0, 3.1.3.7 "ID Token Validation": one test per clause, by its number."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.signing import CLIENT, FHIR_BASE, ISSUER, NONCE, NOW, OTHER_RSA, P256, P384, RSA, b64, good_claims, jwk, token
from vestibule.errors import OutsideFailed
from vestibule.protocols.smart import FhirUser, IdClaims, Jwks, verify_id_token

KEYS = Jwks.of({"keys": [jwk(RSA, "k1"), jwk(P256, "e256"), jwk(P384, "e384")]})


def judge(text: str, **changes: Any) -> IdClaims:
    return verify_id_token(
        text, **{"jwks": KEYS, "issuer": ISSUER, "client_id": CLIENT, "nonce": NONCE, "now": NOW, "iss": FHIR_BASE, **changes}
    )


def signed(**changes: Any) -> str:
    return token(good_claims(**changes), RSA, alg="RS256")


def refusal(text: str, **changes: Any) -> str:
    with pytest.raises(OutsideFailed) as caught:
        judge(text, **changes)
    assert caught.value.phase == "launch.id-token"
    return caught.value.code


def test_a_faultless_token_gives_issuer_subject_and_user() -> None:
    found = judge(signed())
    assert (found.issuer, found.subject, found.fhir_user) == (ISSUER, "eUser1", FhirUser("Practitioner", "eUser1"))


@pytest.mark.parametrize(
    ("key", "kid", "alg"), [(RSA, "k1", "RS256"), (RSA, "k1", "RS384"), (P256, "e256", "ES256"), (P384, "e384", "ES384")]
)
def test_each_algorithm_of_the_list_is_verified(key: Any, kid: str, alg: str) -> None:
    assert judge(token(good_claims(), key, alg=alg, kid=kid)).subject == "eUser1"


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/oauth2",
        ISSUER + "/",  # the comparison is exact
        ISSUER.upper(),
        FHIR_BASE,  # the FHIR base is not the issuer where the server names another
        None,
        17,
    ],
)
def test_clause_2_the_issuer_is_exactly_the_discovered_one(iss: Any) -> None:
    assert refusal(signed(iss=iss)) == "id-token-issuer"


def test_clause_2_an_unknown_issuer_matches_nothing_not_even_emptiness() -> None:
    assert refusal(signed(iss=""), issuer="") == "id-token-issuer"


@pytest.mark.parametrize(
    "aud",
    [
        "another-client",
        None,
        [],
        ["another-client"],
        [CLIENT, "another-client"],  # an additional audience that we do not trust
        [[CLIENT]],
        {CLIENT: True},
        CLIENT.upper(),
    ],
)
def test_clause_3_the_audience_is_us_and_nobody_else(aud: Any) -> None:
    assert refusal(signed(aud=aud)) == "id-token-audience"


def test_clause_3_an_array_of_ourselves_alone_is_good() -> None:
    assert judge(signed(aud=[CLIENT])).subject == "eUser1"


@pytest.mark.parametrize("azp", ["another-client", "", 1, [CLIENT]])
def test_clause_5_an_authorized_party_must_be_us(azp: Any) -> None:
    assert refusal(signed(azp=azp)) == "id-token-audience"


def test_clause_5_our_own_authorized_party_is_good() -> None:
    assert judge(signed(azp=CLIENT)).subject == "eUser1"


def test_clause_6_a_signature_by_another_key_is_refused() -> None:
    assert refusal(token(good_claims(), OTHER_RSA, alg="RS256")) == "jwt-signature"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_clause_6_a_changed_part_breaks_the_signature(part: int) -> None:
    parts = signed().split(".")
    parts[part] = {0: b64(b'{"alg":"RS256","kid":"k1"}'), 1: b64(b'{"sub":"someone else"}'), 2: b64(b"\0" * 256)}[part]
    assert refusal(".".join(parts)) == "jwt-signature"


def test_clause_7_an_algorithm_outside_the_list_is_refused() -> None:
    assert refusal(token(good_claims(), RSA, alg="PS256")) == "jwt-algorithm"


@pytest.mark.parametrize(("late", "good"), [(59, True), (60, False), (3600, False)])
def test_clause_9_expiry_with_a_leeway_of_at_most_a_minute(late: int, good: bool) -> None:
    text = signed(exp=int(NOW.timestamp()) - late)
    if good:
        assert judge(text).subject == "eUser1"
    else:
        assert refusal(text) == "id-token-expired"


@pytest.mark.parametrize("exp", [None, "1790000000", True, [1], -1, 1e30, {}])
def test_clause_9_expiry_must_be_a_date(exp: Any) -> None:
    assert refusal(signed(exp=exp)) == "id-token-claim"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("early", "good"), [(60, True), (61, False), (86_400, False)])
def test_clause_10_a_date_in_the_future_with_a_leeway_of_a_minute(claim: str, early: int, good: bool) -> None:
    text = signed(**{claim: int(NOW.timestamp()) + early, "exp": int(NOW.timestamp()) + 200_000})
    if good:
        assert judge(text).subject == "eUser1"
    else:
        assert refusal(text) == "id-token-early"


def test_clause_10_the_time_of_issue_is_required() -> None:
    assert refusal(signed(iat=None)) == "id-token-claim"


@pytest.mark.parametrize("nonce", [None, "", NONCE.lower(), NONCE + " ", 5, [NONCE], "\ud800"])
def test_clause_11_the_nonce_is_ours(nonce: Any) -> None:
    assert refusal(signed(nonce=nonce)) in {"id-token-nonce", "jwt-malformed"}  # half a surrogate pair is no text at all


@pytest.mark.parametrize("sub", [None, "", 7, "x" * 256])
def test_section_2_the_subject_is_required_and_bounded(sub: Any) -> None:
    assert refusal(signed(sub=sub)) == "id-token-claim"


def test_section_3_1_3_6_a_hash_of_another_access_token_is_refused() -> None:
    good = token(good_claims(at_hash="77QmUPtjPfzWtF2AnpK9RQ"), RSA, alg="RS256")  # the specification's own example, A.4
    access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert judge(good, access_token=access).subject == "eUser1"
    assert refusal(good, access_token=access + "x") == "id-token-access-hash"


def test_section_10_1_a_token_without_key_name_is_refused_when_several_keys_could_have_signed() -> None:
    text = token(good_claims(), RSA, alg="RS256", kid=None)
    assert judge(text, jwks=Jwks.of({"keys": [jwk(RSA, None)]})).subject == "eUser1"
    assert refusal(text, jwks=Jwks.of({"keys": [jwk(RSA, "a"), jwk(OTHER_RSA, "b")]})) == "jwt-key-unknown"


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("Practitioner/p1", FhirUser("Practitioner", "p1")),
        (f"{FHIR_BASE}/Patient/x.1-2", FhirUser("Patient", "x.1-2")),
        ("RelatedPerson/r", FhirUser("RelatedPerson", "r")),
    ],
)
def test_smart_fhir_user_may_be_relative_or_of_the_same_base(user: str, found: FhirUser) -> None:
    assert judge(signed(fhirUser=user)).fhir_user == found


@pytest.mark.parametrize(
    "user",
    [
        "https://evil.example/FHIR/Practitioner/1",
        f"{FHIR_BASE}.evil.example/Practitioner/1",
        "Device/1",
        "Practitioner/../Patient/1",
        "",
        3,
        ["Patient/1"],
    ],
)
def test_smart_fhir_user_of_another_system_or_form_is_refused(user: Any) -> None:
    assert refusal(signed(fhirUser=user)) == "id-token-user"


def test_smart_1_profile_is_read_where_fhir_user_is_absent_and_may_be_any_web_page() -> None:
    assert judge(signed(fhirUser=None, profile="Practitioner/p1")).fhir_user == FhirUser("Practitioner", "p1")
    assert judge(signed(fhirUser=None, profile="https://people.example/jane")).fhir_user is None
