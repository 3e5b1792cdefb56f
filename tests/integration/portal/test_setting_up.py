"""An administrator sets a connection up by the portal's own forms, against the practice hospital."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import aiohttp
from cryptography import x509

from practice.seed import PROVIDER_CLIENT
from support.house import House, Staff
from support.setting_up import Setup, browser_of, fields, prove
from vestibule.identity.model import StaffRole
from vestibule.tenancy.model import Vendor, VersionState


async def test_from_an_address_to_the_records(setup: Setup, http: aiohttp.ClientSession) -> None:
    to = await setup.start()
    assert to.endswith("/keys")
    found = (await setup.newest()).content
    assert (found.vendor, found.fhir_version) == (Vendor.EPIC, "R4")
    assert (await setup.keys())[1].endswith("/check")
    assert (await setup.admin.post_form(f"connections/{setup.connection}/check"))[0] == 303
    assert "Checked" in (await setup.admin.get(f"connections/{setup.connection}/check", Accept="text/html"))[1]
    assert (await setup.submit())[0] == 303
    assert (await setup.newest()).state is VersionState.AWAITING
    assert await setup.in_force() is None
    page = await prove(http, setup, setup.approver)
    assert "You have signed in to the record" in page.text
    status, onward = await setup.approve()
    assert (status, onward.split("/")[-1]) == (303, "records")
    served = await setup.in_force()
    assert served is not None
    assert served.decided_by == setup.approver.member.id


async def test_every_step_keeps_the_draft_and_the_way_back_leads_to_the_step_that_is_next(setup: Setup) -> None:
    status, to = await setup.admin.post_form("connections/new", setup.address(go="leave"))
    setup.connection = to.rsplit("/", 1)[1]
    assert status == 303
    assert "Next: Keys and clients" in (await setup.admin.get(f"connections/{setup.connection}", Accept="text/html"))[1]
    await setup.keys(go="leave")
    assert "Next: Check" in (await setup.admin.get(f"connections/{setup.connection}", Accept="text/html"))[1]
    await setup.admin.post_form(f"connections/{setup.connection}/check")
    form = await setup.form(setup.admin, f"connections/{setup.connection}/keys")
    assert form["provider_client_id"] == PROVIDER_CLIENT


async def test_an_address_where_nothing_good_answers_is_kept_and_says_so_beside_the_field(setup: Setup) -> None:
    status, to = await setup.admin.post_form("connections/new", setup.address(iss=f"{setup.hospital.url}/nothing-here"))
    assert (status, to.rsplit("/", 1)[1]) == (303, "address")
    page = (await setup.admin.get("/".join(to.split("/")[3:]), Accept="text/html"))[1]
    assert "Found at this address" in page
    assert "Stops" in page


USE = re.compile(r'name="use" value="([^"]+)">Use this address')


async def test_the_address_that_works_is_one_press_away(setup: Setup) -> None:
    await setup.start(iss=f"{setup.hospital.url}/interconnect/api/FHIR")
    path = f"connections/{setup.connection}/address"
    page = (await setup.admin.get(path, Accept="text/html"))[1]
    offered = USE.search(page)
    assert offered
    assert offered[1] == setup.hospital.fhir
    # Enter in a field must not press it: the form's first button is another one.
    assert re.findall(r'<button[^>]*name="(\w+)"', page[page.index("novalidate data-slow") :])[0] == "go"
    typed = await setup.form(setup.admin, path)
    status, to = await setup.admin.post_form(path, typed | {"name": "Renamed", "use": offered[1]})
    assert (status, to.rsplit("/", 1)[1]) == (303, "keys")
    found = (await setup.newest()).content
    assert (found.iss, found.fhir_version, found.name) == (setup.hospital.fhir, "R4", "Renamed")
    assert not USE.search((await setup.admin.get(path, Accept="text/html"))[1])


async def test_an_address_in_the_place_of_the_offered_one_is_judged_like_a_typed_one(setup: Setup) -> None:
    await setup.start(iss=f"{setup.hospital.url}/interconnect/api/FHIR")
    was, path = await setup.newest(), f"connections/{setup.connection}/address"
    typed = await setup.form(setup.admin, path)
    for changes, says in ADDRESSES:
        if changes.get("iss"):
            status, page = await setup.admin.post_form(path, typed | {"use": changes["iss"]})
            assert (status, says in page) == (400, True), changes
    assert await setup.newest() == was


ADDRESSES: list[tuple[dict[str, str], str]] = [
    ({"iss": ""}, "Fill in this field."),
    ({"iss": "ftp://ehr.alder.test/fhir"}, "The address begins with ftp: and not with https:."),
    ({"iss": "https://me:pass@ehr.alder.test/fhir"}, "what stands before it is a user name, and the true host stands behind it"),
    ({"iss": "https://ehr.alder.test/fhir?x=1"}, "A FHIR base URL has no parameters."),
    ({"iss": "https://ehr.alder\u200b.test/fhir"}, "invisible character (U+200B) at place 18"),
    ({"iss": "https://2130706433/fhir"}, "a number in an unusual spelling"),
    ({"iss": "https://xn--eic-0ed.test/fhir"}, "only looks like epic.test"),
    ({"iss": "https://ehr.alder.test\\@evil.test/fhir"}, "There is a backslash"),
    ({"name": ""}, "Fill in this field."),
    ({"name": "a\u202eb"}, "This has characters that cannot be used here"),
    ({"environment": "both"}, "Fill in this field."),
    ({"vendor": "acme"}, "Fill in this field."),
]


async def test_a_mistake_is_said_at_the_top_and_beside_the_field_and_nothing_typed_is_lost(setup: Setup) -> None:
    for changes, says in ADDRESSES:
        typed = setup.address(**changes)
        status, page = await setup.admin.post_form("connections/new", typed)
        assert (status, says in page) == (400, True), changes
        assert 'class="note bad mistakes"' in page
        assert 'aria-invalid="true"' in page
        again = fields(page)
        assert {name: again[name] for name in ("iss", "name")} == {name: typed[name] for name in ("iss", "name")}
    assert "Eastmere" not in (await setup.admin.get("connections", Accept="text/html"))[1]


SECOND: list[tuple[str, str, str]] = [
    ("provider_client_id", "with space", "A client id has at most 200"),
    ("frame_ancestors", "https://ehr.alder.test/path", "An origin is a scheme"),
    ("join_early_minutes", "soon", "out of range"),
    ("join_late_minutes", "99999999", "out of range"),
    ("profile", "{broken", "must be a JSON object"),
    ("profile", "[" * 5000, "must be a JSON object"),
    ("authorize_url", "javascript:alert(1)", "not an address"),
    ("client_auth", "magic", "Fill in this field."),
    ("shared_with", "not-an-id", "There is no such field."),
]


async def test_mistakes_of_the_second_step(setup: Setup) -> None:
    await setup.start()
    before = await setup.newest()
    for field, text, says in SECOND:
        status, page = await setup.keys(**{field: text})
        assert (status, says in page) == (400, True), (field, text[:40])
    assert (await setup.newest()) == before


async def test_a_secret_is_stored_and_never_shown(setup: Setup) -> None:
    await setup.start()
    await setup.keys(client_auth="client_secret_basic", secret="s3cr3t-of-the-record")
    assert (await setup.newest()).has_secret
    for page in ("", "/keys", "/approval", "/address"):
        assert "s3cr3t" not in (await setup.admin.get(f"connections/{setup.connection}{page}", Accept="text/html"))[1]
    await setup.keys(secret="")
    assert (await setup.newest()).has_secret
    await setup.keys(forget_secret="yes", client_auth="private_key_jwt")
    assert not (await setup.newest()).has_secret


async def test_saving_what_is_stored_already_begins_no_draft(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    await prove(http, setup, setup.approver)
    await setup.approve()
    before = await setup.newest()
    assert (await setup.keys())[0] == 303
    assert await setup.newest() == before
    await setup.keys(patient_client_id="another")
    assert (await setup.newest()).state is VersionState.DRAFT
    serving = await setup.in_force()
    assert serving is not None
    assert serving.number == before.number


# ---------------------------------------------------------------------- two people at one form


async def test_a_stale_form_shows_both_values_and_loses_nothing(setup: Setup, h: House) -> None:
    await setup.start()
    other = await h.staff({StaffRole.ADMINISTRATOR}, name="Sam Other")
    mine = await setup.form(setup.admin, f"connections/{setup.connection}/keys")
    assert (await setup.keys(other, provider_client_id="theirs-1"))[0] == 303
    typed = mine | {"provider_client_id": "mine-1", "patient_client_id": "mine-2", "profile": '{"launch": {}}'}
    status, page = await setup.admin.post_form(f"connections/{setup.connection}/keys", typed)
    assert status == 409
    assert "Somebody else saved this connection while you were typing." in page
    assert "Stored meanwhile:" in page
    assert "theirs-1" in page
    again = fields(page)
    assert (again["provider_client_id"], again["patient_client_id"], again["profile"]) == ("mine-1", "mine-2", '{"launch": {}}')
    assert (await setup.newest()).content.provider_client_id == "theirs-1"
    assert (await setup.admin.post_form(f"connections/{setup.connection}/keys", again))[0] == 303
    assert (await setup.newest()).content.provider_client_id == "mine-1"


async def test_submitting_what_somebody_has_changed_meanwhile_submits_nothing(setup: Setup, h: House) -> None:
    await setup.start()
    await setup.keys()
    seen = (await setup.newest()).revision
    await setup.keys(await h.staff({StaffRole.ADMINISTRATOR}), provider_client_id="theirs-1")
    status, page = await setup.submit(revision=str(seen))
    assert status == 409
    assert "Somebody else saved" in page
    assert (await setup.newest()).state is VersionState.DRAFT


# ---------------------------------------------------------------------- keys


async def test_the_certificate_is_of_our_key_and_the_same_each_time(setup: Setup, h: House) -> None:
    await setup.start()
    async with h.parts.db.tenant(h.tenant) as tx:
        keys = await h.parts.tenancy.signing_keys(tx, (await setup.newest()).connection)
    for key in keys:
        first, again = [(await setup.admin.get(f"connections/{setup.connection}/certificates/{key.key.kid}"))[1] for _ in range(2)]
        assert first == again
        assert base64.b64decode("".join(first.splitlines()[1:-1]))
        found = x509.load_pem_x509_certificate(first.encode())
        assert found.public_key().public_numbers() == key.key.key.private_key.public_key().public_numbers()  # type: ignore[union-attr]
        assert found.not_valid_before_utc <= datetime.now(UTC) < found.not_valid_after_utc
        found.verify_directly_issued_by(found)


async def test_new_keys_overlap_with_the_old_ones(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.start()
    assert (await setup.admin.post_form(f"connections/{setup.connection}/keys/rotate"))[0] == 303
    page = (await setup.admin.get(f"connections/{setup.connection}/keys", Accept="text/html"))[1]
    assert page.count("/certificates/") >= 4
    async with http.get(f"{setup.h.origin}/connections/{setup.connection}/jwks.json") as answer:
        assert len((await answer.json())["keys"]) == 4


# ---------------------------------------------------------------------- the other pages


async def test_departments_come_change_and_go(admin: Staff) -> None:
    assert (await admin.post_form("departments/new", {"name": "Pädiatrie", "zone": "Europe/Berlin", "external": "77"}))[0] == 303
    page = (await admin.get("departments?search=p%C3%A4d", Accept="text/html"))[1]
    assert "Pädiatrie" in page
    assert "Cardiology" not in page
    one = page.partition("/departments/01")[2].partition('"')[0]
    assert (await admin.post_form(f"departments/01{one}", {"name": "Kinder", "zone": "Mars/Base", "external": "77"}))[0] == 400
    assert (await admin.post_form(f"departments/01{one}", {"name": "Kinder", "zone": "Europe/Paris", "external": "77"}))[0] == 303
    assert (await admin.post_form(f"departments/01{one}/remove"))[0] == 303
    assert "Kinder" not in (await admin.get("departments", Accept="text/html"))[1]


async def test_the_organisation_is_set_and_says_what_is_wrong(admin: Staff, h: House) -> None:
    form = {"name": "Alder Clinics", "support_phone": "555-0199", "entra_tenant": "", "idle_minutes": "20", "two_persons": "yes"}
    assert (await admin.post_form("organisation", form))[0] == 303
    async with h.parts.db.tenant(h.tenant) as tx:
        one = await h.parts.organisations.get(tx)
    assert (one.name, one.idle_minutes, one.two_persons, one.approve_oracle) == ("Alder Clinics", 20, True, False)
    status, page = await admin.post_form("organisation", form | {"idle_minutes": "soon", "name": "New name"})
    assert status == 400
    assert fields(page)["name"] == "New name"
    assert 'href="#f-idle_minutes"' in page


async def test_a_person_of_several_organisations_goes_from_one_to_the_other(admin: Staff, h: House, http: aiohttp.ClientSession) -> None:
    assert (await admin.post_form("organisations", {"name": "", "support_phone": ""}))[0] == 400
    browser = browser_of(http, admin)
    made = await browser.ask(f"{admin.base}/organisations", "POST", data={"name": "Alder North", "support_phone": ""})
    assert made.status == 303
    there = made.location.removesuffix("/home")
    page = (await browser.ask(f"{there}/organisations")).text
    assert "Alder North" in page
    assert "Alder Clinic" in page
    assert "Set up your organisation" in (await browser.ask(f"{there}/home")).text
    assert (await admin.get("home"))[0] == 401
    back = await browser.ask(f"{there}/organisations-switch", "POST", data={"organisation": str(h.tenant)})
    assert (back.status, "Alder Clinic" in (await browser.ask(back.location)).text) == (303, True)
    stranger = await h.staff({StaffRole.ADMINISTRATOR})
    assert "Alder North" not in (await stranger.get("organisations", Accept="text/html"))[1]


async def test_home_says_what_is_missing_and_what_waits(setup: Setup) -> None:
    await setup.awaiting()
    assert "Awaiting your approval" in (await setup.approver.get("home", Accept="text/html"))[1]
    assert "Awaiting your approval" not in (await setup.admin.get("home", Accept="text/html"))[1]
    assert "Eastmere, test" in (await setup.approver.get("approvals", Accept="text/html"))[1]


async def test_the_list_of_connections_is_searched_and_filtered(setup: Setup) -> None:
    await setup.start()
    for query, there in [("search=EAST", True), ("search=nothing", False), ("state=draft", True), ("state=awaiting", False)]:
        assert ("Eastmere, test" in (await setup.admin.get(f"connections?{query}", Accept="text/html"))[1]) is there, query
    for nonsense in ("after=%00", "after=AAAA", "environment=%27", "state=x%22", "search=" + "%25" * 300):
        assert (await setup.admin.get(f"connections?{nonsense}", Accept="text/html"))[0] == 200
