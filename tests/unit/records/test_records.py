"""What an analyst copies, and that pasting it back finds every slip and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.records.comparing import compare
from vestibule.records.downloads import as_csv, as_text
from vestibule.records.kinds import later, pack
from vestibule.records.model import Inlet, Level, Neighbour, Record, Shape
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor

ORIGIN = "https://visits.alder.example"
ID = "0193a7c0-0000-7000-8000-000000000001"
OTHER = Neighbour("0193a7c0-0000-7000-8000-000000000002", "Alder production", Environment.PRODUCTION)
EPIC = Connection(
    ConnectionId(UUID(ID)),
    TenantId(UUID(int=1)),
    "Alder test",
    Vendor.EPIC,
    Environment.TEST,
    "https://ehr.alder.example/interconnect/api/FHIR/R4",
    provider_client_id="3f1c-provider",
    patient_client_id="3f1c-patient",
    backend_client_id="3f1c-backend",
)
ORACLE = replace(EPIC, vendor=Vendor.ORACLE_HEALTH, iss="https://fhir-ehr.oracle.example/r4/tenant")
GENERIC = replace(EPIC, vendor=Vendor.GENERIC, client_auth=ClientAuth.SECRET_BASIC)
CONNECTIONS = [EPIC, ORACLE, GENERIC]


def record(kind: str, connection: Connection = EPIC) -> Record:
    return next(one for one in pack(connection, ORIGIN) if one.kind == kind)


def value(kind: str, field: str) -> str:
    found = record(kind).field(field)
    assert found is not None
    return found.value


PROVIDER_URL = f"{ORIGIN}/launch/provider?connection={ID}"
PROVIDER_CONTEXT = "sessionId=%CSN%&conferenceId=%CONFERENCEID%&departmentId=%PERFDEPID;;; ; ;;NONE;%&userId=%EPICUSERID%"


def test_the_epic_records_hold_what_the_launch_reads() -> None:
    assert value("epic-provider", "launch-url") == PROVIDER_URL
    assert value("epic-provider", "context") == PROVIDER_CONTEXT
    assert value("epic-patient", "context") == "sessionId=%CSN%&conferenceId=%CONFERENCEID%"
    assert value("epic-group-patient", "context") == "sessionId=%CONFERENCEID%&conferenceId=%CONFERENCEID%"
    assert value("epic-patient", "launch-url") == f"{ORIGIN}/launch/patient?connection={ID}"
    assert value("app-provider", "redirects") == f"{ORIGIN}/launch/callback\n{ORIGIN}/setup/callback"
    assert value("app-patient", "redirects") == f"{ORIGIN}/launch/callback"
    assert value("app-backend", "jwks") == f"{ORIGIN}/connections/{ID}/jwks.json"


def test_names_of_tokens_and_the_launch_type_follow_the_profile() -> None:
    own = replace(EPIC, profile={"launch": {"csn": "visit", "department": ""}, "records": {"launch_type": "External Window"}})
    made = record("epic-provider", own)
    assert made.field("context").value == "visit=%CSN%&conferenceId=%CONFERENCEID%&userId=%EPICUSERID%"  # type: ignore[union-attr]
    assert made.field("launch-type").value == "External Window"  # type: ignore[union-attr]


def test_direct_sms_is_the_clinicians_launch_that_ends_on_another_page() -> None:
    assert value("epic-direct-sms", "launch-url") == f"{PROVIDER_URL}&open=text"
    assert value("epic-direct-sms", "context") == PROVIDER_CONTEXT
    assert "patientPhone=" in record("epic-direct-sms").field("context").note  # type: ignore[union-attr]


def test_the_token_of_the_patients_number_is_the_hospitals_own_to_say() -> None:
    own = replace(EPIC, profile={"launch": {"phone": "mobile"}, "records": {"phone_token": "%PATMOBILE%"}})
    assert record("epic-direct-sms", own).field("context").value == f"{PROVIDER_CONTEXT}&mobile=%PATMOBILE%"  # type: ignore[union-attr]
    assert record("epic-provider", own) == record("epic-provider")


@pytest.mark.parametrize(
    ("inlet", "doors"),
    [
        (Inlet("visits.alder.example", tls_port=2576), ["host", "tls-port"]),
        (Inlet("visits.alder.example", plain_port=2575, networks=("10.2.0.0/16",)), ["host", "plain-port"]),
        (
            Inlet("visits.alder.example", 2576, 2575, (), "https://visits.alder.example/hl7"),
            ["host", "tls-port", "plain-port", "https-url"],
        ),
    ],
    ids=lambda one: "",
)
def test_the_sms_configuration_shows_the_doors_that_are_open(inlet: Inlet, doors: list[str]) -> None:
    made = next(one for one in pack(EPIC, ORIGIN, inlet) if one.kind == "epic-sms-configuration")
    assert [one.name for one in made.fields] == [*doors, "events", "acknowledgement", "certificate"]
    assert compare(made, as_text(EPIC, [made])) == []
    assert [one.title for one in later(Vendor.EPIC, inlet)] == ["Device test"]
    assert [one.title for one in later(Vendor.EPIC)] == ["SMS configuration", "Device test"]


def test_a_button_that_lost_where_it_ends_is_found() -> None:
    found = compare(record("epic-direct-sms"), f"Launch URL: {PROVIDER_URL}")
    assert any("open=text" in one.what and one.level is Level.STOPS for one in found)


@pytest.mark.parametrize("profile", [{"records": []}, {"records": {"launch_type": 7}}, {"launch": "x"}])
def test_a_crooked_profile_leaves_the_usual_record(profile: dict[str, object]) -> None:
    assert record("epic-provider", replace(EPIC, profile=profile)) == record("epic-provider")


@pytest.mark.parametrize(
    ("connection", "kinds"),
    [
        (
            EPIC,
            [
                "epic-provider",
                "epic-patient",
                "epic-group-provider",
                "epic-group-patient",
                "epic-direct-sms",
                "app-provider",
                "app-patient",
                "app-backend",
            ],
        ),
        (ORACLE, ["provider", "patient", "oracle-citrix", "app-provider", "app-patient", "app-backend"]),
        (GENERIC, ["provider", "patient", "app-provider", "app-patient", "app-backend"]),
        (replace(GENERIC, patient_client_id="", backend_client_id=""), ["provider", "app-provider"]),
    ],
)
def test_each_vendor_has_its_records_and_only_for_apps_that_exist(connection: Connection, kinds: list[str]) -> None:
    assert [one.kind for one in pack(connection, ORIGIN)] == kinds


def test_keys_are_published_only_where_keys_prove_us() -> None:
    assert record("app-provider", GENERIC).field("jwks") is None
    assert record("app-provider", EPIC).field("jwks") is not None


EVERY = [(connection, one) for connection in CONNECTIONS for one in pack(connection, ORIGIN)]
NAMES = [f"{connection.vendor}-{one.kind}" for connection, one in EVERY]


@pytest.mark.parametrize(("connection", "one"), EVERY, ids=NAMES)
def test_our_own_text_and_table_pasted_back_show_no_difference(connection: Connection, one: Record) -> None:
    whole = pack(connection, ORIGIN)
    for pasted in (as_text(connection, [one]), as_text(connection, whole), as_csv([one]), as_csv(whole)):
        assert compare(one, pasted) == []


tidy = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'`<>()#&"), min_size=1, max_size=40)


@settings(deadline=None)
@given(provider=tidy, token=st.text(alphabet="abcdefghijklmnopqrstuvwxyzABC", min_size=1, max_size=20), which=st.sampled_from(CONNECTIONS))
def test_whatever_the_client_id_and_names_pasting_back_shows_no_difference(provider: str, token: str, which: Connection) -> None:
    connection = replace(which, provider_client_id=provider, profile={"launch": {"csn": token}})
    for one in pack(connection, ORIGIN):
        assert compare(one, as_text(connection, [one])) == []
        assert compare(one, as_csv([one])) == []


@pytest.mark.parametrize(
    "pasted",
    [
        f'URL = "{PROVIDER_URL}"',
        f"  launch url :{PROVIDER_URL}",
        f"LAUNCH-URL\t{PROVIDER_URL}",
        f"\u201c{PROVIDER_URL}\u201d",
        f"<{PROVIDER_URL}>",
        f"{PROVIDER_URL[:50]}\n{PROVIDER_URL[50:]}",
        f"Launch URL:\n  {PROVIDER_URL}",
        f"Launch URL,{PROVIDER_URL},copied on Monday",
        f"Where it leads: {PROVIDER_URL}",
        f"Launch type: 7\nColour: blue\nKontext: {PROVIDER_CONTEXT}",
        PROVIDER_CONTEXT,
        f"CONTEXT: {PROVIDER_CONTEXT}",
        f"CONTEXT={PROVIDER_CONTEXT}",
        f"{PROVIDER_CONTEXT[:70]}\n{PROVIDER_CONTEXT[70:]}",
        "Context tokens: userId=%EPICUSERID%&sessionId=%CSN%&departmentId=%PERFDEPID;;; ; ;;NONE;%&conferenceId=%CONFERENCEID%",
        "type: pacs\nmodel: Smart on FHIR",
    ],
)
def test_untidy_copies_of_the_right_thing_are_right(pasted: str) -> None:
    rest = [one for one in compare(record("epic-provider"), pasted) if "Not in what you pasted" not in one.what]
    assert rest == []


URL, CONTEXT = f"Launch URL: {PROVIDER_URL}", f"Context tokens: {PROVIDER_CONTEXT}"
Case = tuple[str, str, str, Level]
SLIPS: list[Case] = [
    (URL, URL.replace("https:", "http:"), "begins with http://", Level.STOPS),
    (URL, URL.replace("visits.alder", "vists.alder"), "Its host is", Level.STOPS),
    (URL, URL.replace("visits.alder.example", "visits.alder.example:8443"), "Its port is 8443", Level.STOPS),
    (URL, URL.replace("https://", "https://admin@"), "user name before the host", Level.STOPS),
    (URL, URL.replace("/launch/provider", "/launch/patient"), "patients' address", Level.STOPS),
    (URL, URL.replace("/launch/provider", "/launch/provider/"), "slash too many", Level.STOPS),
    (URL, URL.replace("/launch/provider", "/Launch/Provider"), "letters differ in its path", Level.STOPS),
    (URL, URL.replace("/launch/", "/lunch/"), "Its path is", Level.STOPS),
    (URL, URL.replace("/launch/", "/%6Caunch/"), "path is percent-encoded", Level.STOPS),
    (URL, URL.partition("?")[0], "“connection=", Level.STOPS),
    (URL, URL.replace("connection=", "Connection="), "is written “Connection”", Level.STOPS),
    (URL, URL.replace(ID, OTHER.id), "another connection of yours: Alder production (production)", Level.STOPS),
    (URL, URL.replace(ID, ID[:-1]), "should be “0193", Level.STOPS),
    (URL, URL.replace("=" + ID, "=" + ID.replace("-", "%252D")), "percent-encoded", Level.STOPS),
    (URL, f"{URL}&connection={ID}", "2 times", Level.STOPS),
    (URL, f"{URL}&iss=https://x.example", "already", Level.STOPS),
    (URL, f"{URL}&theme=dark", "more parameters", Level.GOOD),
    (URL, f"{URL}#top", "never reaches us", Level.STOPS),
    (URL, URL.replace("://", "%3A%2F%2F"), "percent-encoded as a whole", Level.STOPS),
    (URL, "Launch URL: see the other system", "is no address", Level.STOPS),
    (URL, "Launch URL:", "It is empty", Level.STOPS),
    (URL, URL + "  ", "White space stands at its end", Level.LOOK),
    (URL, URL.replace("launch/", "launch/\u200b"), "invisible character", Level.LOOK),
    (URL, URL.replace("?", "?a=1&amp;"), "HTML entities", Level.LOOK),
    (CONTEXT, CONTEXT.replace("sessionId=%CSN%&", ""), "“sessionId=%CSN%” is missing", Level.STOPS),
    (CONTEXT, CONTEXT.replace("&departmentId=%PERFDEPID;;; ; ;;NONE;%", ""), "“departmentId=", Level.LOOK),
    (CONTEXT, CONTEXT.replace("sessionId=%CSN%", "sessionId=%CONFERENCEID%"), "where %CSN% belongs", Level.STOPS),
    (CONTEXT, CONTEXT.replace("sessionId", "sessionid"), "is written “sessionid”", Level.STOPS),
    (CONTEXT, CONTEXT.replace("%CSN%", "%csn%"), "should be “sessionId=%CSN%”", Level.STOPS),
    (CONTEXT, CONTEXT.replace("%CSN%", "1853"), "should be “sessionId=%CSN%”", Level.STOPS),
    (CONTEXT, CONTEXT.replace("; ; ", ";;"), "white space inside", Level.LOOK),
    (CONTEXT, CONTEXT.replace("%", "%25"), "percent-encoded", Level.STOPS),
    (CONTEXT, CONTEXT.replace(": s", ": ?s"), "begins with “?”", Level.LOOK),
    (CONTEXT, CONTEXT + "&extra=%DOB%", "more than we need: extra", Level.GOOD),
    (CONTEXT, CONTEXT + "&sessionId=%CSN%", "2 times", Level.STOPS),
    ("Client ID: 3f1c-provider", "Client ID: 3F1C-provider", "Capital and small letters differ", Level.STOPS),
    ("Client ID: 3f1c-provider", "Client ID: 3f1c-patient", "should be “3f1c-provider”", Level.STOPS),
    ("Launch type: 7", "Launch type: 3", "It is “3”", Level.LOOK),
]


@pytest.mark.parametrize(("good", "bad", "words", "level"), SLIPS)
def test_each_slip_is_named(good: str, bad: str, words: str, level: Level) -> None:
    whole = as_text(EPIC, [record("epic-provider")])
    assert good in whole
    found = compare(record("epic-provider"), whole.replace(good, bad), [OTHER])
    assert any(words in one.what and one.level is level for one in found), found


def test_conference_where_a_group_needs_it() -> None:
    pasted = value("epic-group-provider", "context").replace("sessionId=%CONFERENCEID%", "sessionId=%CSN%")
    found = compare(record("epic-group-provider"), pasted)
    assert found[0].what == "It holds %CSN% where %CONFERENCEID% belongs."
    assert "Group visits" in found[0].remedy


def test_a_redirect_address_that_is_missing_is_found_and_one_more_does_no_harm() -> None:
    app = record("app-provider")
    text = as_text(EPIC, [app])
    assert "/setup/callback” is missing" in compare(app, text.replace(f" {ORIGIN}/setup/callback", ""))[0].what
    assert compare(app, text.replace("/setup/callback", "/setup/callback https://old.example/cb"))[0].level is Level.GOOD


MUTATIONS: list[Callable[[str, int], str]] = [
    lambda text, at: text[:at] + text[at + 1 :],
    lambda text, at: text[:at] + "x" + text[at:],
    lambda text, at: text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :],
]


@settings(deadline=None)
@given(data=st.data())
def test_any_single_character_lost_added_or_changed_is_found(data: st.DataObject) -> None:
    connection, one = data.draw(st.sampled_from([pair for pair in EVERY if pair[1].kind != "oracle-citrix"]))
    field = data.draw(st.sampled_from([f for f in one.fields if f.shape not in {Shape.SNIPPET, Shape.TEXT}]))
    mutate = data.draw(st.sampled_from(MUTATIONS))
    spaceless = [n for n, c in enumerate(field.value) if not c.isspace()]
    bad = mutate(field.value, data.draw(st.sampled_from(spaceless)))
    line, text = f"{field.label}: {' '.join(field.value.split(chr(10)))}\n", as_text(connection, [one])
    assert line in text
    assert compare(one, text.replace(line, f"{field.label}: {bad}\n"))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_nothing_that_is_pasted_breaks_the_comparison(text: str) -> None:
    for one in pack(EPIC, ORIGIN):
        for found in compare(one, text):
            assert found.what
        compare(one, "Launch URL: " + text)
        compare(one, "Context tokens: " + text)


@pytest.mark.parametrize(
    "text",
    ["https://[::1", "https://x:99999/", "a" * 100_000, "\x00" * 50, "&#x110000;&#xD800;&#0;", '"' * 999, "Launch URL: https://\\evil"],
)
def test_hostile_texts_are_only_read(text: str) -> None:
    assert compare(record("epic-provider"), text)
