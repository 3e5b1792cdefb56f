"""The record form's rules: what it takes, what it doubts, and a pack taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.model import Book, ClientApp, LaunchRecord, Settings
from practice.records import BadRecord, check_app, check_launch, check_url, doubts, read_out, take_apart, token_doubts

FHIR = "http://localhost:1/interconnect/api/FHIR/R4"
PACK = """# Eastmere (test): http://localhost:1/interconnect/api/FHIR/R4

[Provider launch]
# Clinicians
Type: PACS
Model: SMART ON FHIR
Launch URL: https://visits.example/launch/provider?connection=1
#   The record adds iss and launch to it by itself.
Launch type: 7
Client ID: provider-app
Context tokens: sessionId=%CSN%&departmentId=%PERFDEPID;;; ; ;;NONE;%

[Group visit: patient launch]
Launch URL: https://visits.example/launch/patient?connection=1
Launch type: external window
Client ID: patient-app
Context tokens: sessionId=%CONFERENCEID%

[App registration: clinicians]
Client ID: provider-app
Redirect URIs: https://visits.example/launch/callback https://visits.example/setup/callback
Client authentication: private_key_jwt
JWKS URL: https://visits.example/connections/1/jwks.json
Signing algorithms: ES384 RS384
Scopes: openid fhirUser launch
FHIR base URL: http://localhost:1/interconnect/api/FHIR/R4
"""


@pytest.mark.parametrize("url", ["https://visits.example/launch/provider?connection=1", "http://127.0.0.1:8000/x", "http://localhost/x"])
def test_https_and_this_machine_are_taken(url: str) -> None:
    check_url("Launch URL", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://visits.example/launch",
        "ftp://visits.example/",
        "javascript:alert(1)",
        "visits.example/launch",
        "https://",
        "https://someone@visits.example/",
        "https://visits.example/#there",
        "https://visits.example/two words",
        "https://[half/",
        "https://visits.example:port/",
        "https%3A%2F%2Fvisits.example",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(BadRecord, match=r"^Launch URL: "):
        check_url("Launch URL", url)


def test_the_launch_type_is_one_of_the_list() -> None:
    assert check_launch({"url": "", "launch_type": "external window"})["launch_type"] == "External Window"
    with pytest.raises(BadRecord, match="Launch type"):
        check_launch({"url": "", "launch_type": "Somewhere"})


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({}, "Client ID"),
        ({"client_id": "a", "auth": "password"}, "Client authentication"),
        ({"client_id": "a", "redirect_uris": ["visits.example"]}, "Redirect URIs"),
        ({"client_id": "a", "jwks_url": "http://visits.example/jwks.json"}, "JWKS URL"),
    ],
)
def test_a_registration_is_read_strictly(said: dict[str, object], word: str) -> None:
    with pytest.raises(BadRecord, match=word):
        check_app(said)


@pytest.mark.parametrize(
    ("context", "doubt"),
    [
        ("sessionId=%CSN%", ""),
        ("departmentId=%PERFDEPID;;; ; ;;NONE;%&at=%EXTENSION;15354%", ""),
        ("sessionId=%CNS%", "%CNS% is not a token"),
        ("sessionId=%CSN", "belongs to no token"),
        ("sessionId=%25CSN%25", "%25CSN% is not a token"),
        ("%CSN%", "has no name"),
        ("a=%CSN%&a=%CSN%", "twice"),
    ],
)
def test_doubtful_tokens_are_named(context: str, doubt: str) -> None:
    said = " ".join(token_doubts(context))
    assert doubt in said
    assert bool(said) is bool(doubt)


def test_a_record_without_url_or_app_is_doubted() -> None:
    record = LaunchRecord(key="provider", kind="provider", context="")
    assert doubts(Book(), record) == ["It has no URL yet.", "It has no client id yet."]


def test_a_pack_is_taken_apart() -> None:
    pack = take_apart(PACK, fhir=FHIR)
    assert [entry["kind"] for entry in pack.launches] == ["provider", "group-patient"]
    assert pack.launches[0]["context"] == "sessionId=%CSN%&departmentId=%PERFDEPID;;; ; ;;NONE;%"
    assert pack.launches[1]["launch_type"] == "External Window"
    assert pack.apps[0]["redirect_uris"] == ["https://visits.example/launch/callback", "https://visits.example/setup/callback"]
    assert pack.notes == []


def test_what_was_not_understood_is_said() -> None:
    pack = take_apart(PACK + "\n[Fax]\nNumber: 1\n\n[Patient launch]\nColor: blue\n", fhir="http://localhost:2/production")
    assert [note.partition("]")[0] for note in pack.notes] == ["[App registration: clinicians", "[Fax", "[Patient launch"]
    assert "made for another FHIR base URL" in pack.notes[0]


@pytest.mark.parametrize("text", ["", "hello", "[Fax]\nNumber: 1"])
def test_a_pack_without_a_record_is_refused(text: str) -> None:
    with pytest.raises(BadRecord, match="No record was recognised"):
        take_apart(text, fhir=FHIR)


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading(text: str) -> None:
    for pasted in (text, f"[Provider launch]\n{text}", f"[App registration: x]\n{text}"):
        try:
            pack = take_apart(pasted, fhir=FHIR)
        except BadRecord:
            continue
        assert pack.launches or pack.apps


def test_what_is_read_out_can_be_pasted_back() -> None:
    book = Book(settings=Settings(environment="test"))
    book.launches = [LaunchRecord(key="provider", kind="provider", url="https://a.example/", client_id="app", context="sessionId=%CSN%")]
    book.apps = [
        ClientApp(client_id="app", name="Virtual visits", redirect_uris=["https://a.example/back"], jwks_url="https://a.example/k")
    ]
    text = read_out(book, FHIR)
    assert text.startswith("# Eastmere Medical Center (test)")
    pack = take_apart(text, fhir=FHIR)
    assert pack.launches[0]["url"] == "https://a.example/"
    assert pack.apps[0] | {"name": ""} == {
        "name": "",
        "client_id": "app",
        "redirect_uris": ["https://a.example/back"],
        "auth": "private_key_jwt",
        "auth_as": "private_key_jwt",
        "jwks_url": "https://a.example/k",
        "scopes": book.apps[0].scopes,
    }
    assert pack.notes == []
