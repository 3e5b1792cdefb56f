"""Reading what strangers say about their servers: whose record, which version, which release; and no answer that raises anything else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.doctor.documents import (
    Statement,
    Unreadable,
    discovered,
    fhir_version,
    read_configuration,
    read_statement,
    released,
    vendor_of,
)
from vestibule.kit.exchange import Answer
from vestibule.tenancy.model import Vendor

EPIC = "https://ehr.alder.example/interconnect-prd-oauth/api/FHIR/R4"


def answer(body: Any) -> Answer:
    return Answer(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), "https://ehr.example/metadata")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("4.0.1", "R4"),
        ("4.0.0", "R4"),
        ("4.3.0", "R4B"),
        ("3.0.2", "STU3"),
        ("1.0.2", "DSTU2"),
        ("5.0.0", "R5"),
        ("", ""),
        ("40.1", ""),
        ("x", ""),
    ],
)
def test_versions_go_by_their_everyday_names(said: str, version: str) -> None:
    assert fhir_version(said) == version


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("August 2024", date(2024, 8, 1)),
        ("Epic November 2018 SU5", date(2018, 11, 1)),
        ("may 2025", date(2025, 5, 1)),
        ("Aug. 2021", date(2021, 8, 1)),
        ("2023-02-14T10:00:00Z", date(2023, 2, 1)),
        ("2024-08", date(2024, 8, 1)),
        ("2018.01", None),
        ("10.4.2", None),
        ("2024-13-01", None),
        ("Marchioness 2024", None),
        ("", None),
    ],
)
def test_a_release_is_dated_where_it_says_so(said: str, when: date | None) -> None:
    assert released(said) == when


@pytest.mark.parametrize(
    ("url", "software", "token", "vendor"),
    [
        (EPIC, "", "", Vendor.EPIC),
        ("https://ehr.example/api/FHIR/R4", "", "", Vendor.EPIC),
        ("https://ehr.example/fhir", "Epic", "", Vendor.EPIC),
        ("https://ehr.example/fhir", "Epicurean Records", "", Vendor.GENERIC),
        ("https://fhir-ehr-code.cerner.com/r4/ec2458f2", "", "", Vendor.ORACLE_HEALTH),
        ("https://ehr.example/r4", "Cerner Millennium", "", Vendor.ORACLE_HEALTH),
        ("https://ehr.example/r4", "", "https://authorization.cerner.com/tenants/x/token", Vendor.ORACLE_HEALTH),
        ("https://cerner.com.evil.example/r4", "", "", Vendor.GENERIC),
        ("https://notcerner.com/r4", "", "", Vendor.GENERIC),
        (EPIC, "Oracle Health Millennium", "", Vendor.ORACLE_HEALTH),  # what it says goes before how it looks
        ("https://smart.example/fhir", "HAPI FHIR Server", "", Vendor.GENERIC),
        ("https://[broken", "", "https://[broken", Vendor.GENERIC),
    ],
)
def test_the_vendor_is_told_by_words_and_else_by_shapes(url: str, software: str, token: str, vendor: Vendor) -> None:
    assert vendor_of(url, Statement("R4", software), token) is vendor


def test_an_epic_is_described_from_its_two_documents() -> None:
    statement = read_statement(
        answer(
            {
                "resourceType": "CapabilityStatement",
                "fhirVersion": "4.0.1",
                "software": {"name": "Epic", "version": "August 2024", "releaseDate": "2025-01-06"},
            }
        )
    )
    configuration = read_configuration(answer({"authorization_endpoint": "https://e/a", "token_endpoint": "https://e/t"}))
    found = discovered(EPIC, statement, configuration)
    assert (found.vendor, found.fhir_version, found.software, found.release) == (Vendor.EPIC, "R4", "Epic", "August 2024")
    assert (found.released, found.authorize, found.token) == (date(2024, 8, 1), "https://e/a", "https://e/t")


def test_old_servers_call_it_a_conformance() -> None:
    assert read_statement(answer({"resourceType": "Conformance", "fhirVersion": "1.0.2"})).version == "DSTU2"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "page"),
        (b"\xef\xbb\xbf  <HTML>", "page"),
        (b'<CapabilityStatement xmlns="http://hl7.org/fhir"/>', "xml"),
        (b'{"resourceType": "Capabil', "json"),
        (b"\x00\x01\x02", "json"),
        (b"", "json"),
        (b"[" * 100_000, "json"),
        (b'{"resourceType": "CapabilityStatement", "resourceType": "Patient"}', "json"),
        (b'{"x": NaN}', "json"),
        (b'{"resourceType": "OperationOutcome"}', "other"),
        (b"{}", "other"),
    ],
)
def test_what_is_no_statement_is_named_in_a_word(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=f"^{why}$"):
        read_statement(answer(body))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["oauth-uris", "authorize", "4.0.1", "Epic"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_MEMBERS = st.sampled_from(
    ["software", "publisher", "fhirVersion", "rest", "capabilities", "token_endpoint", "code_challenge_methods_supported"]
)


@given(st.dictionaries(_MEMBERS, _JSON), _JSON)
def test_a_statement_of_any_shape_is_read_or_refused(members: dict[str, Any], extensions: Any) -> None:
    body = {"resourceType": "CapabilityStatement", "rest": [{"security": {"extension": extensions}}], **members}
    found = discovered(EPIC, read_statement(answer(body)), read_configuration(answer(body)))
    assert isinstance(found.software, str)
    assert len(found.software) <= 200


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_statement(answer(body))
