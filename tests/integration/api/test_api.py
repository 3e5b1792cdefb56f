"""The API as a program meets it: strict on the way in, revisions, tenants, roles, and what a program may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.programs import House, Program, house
from vestibule.identity.model import StaffRole

CONNECTION = {
    "name": "Alder test",
    "vendor": "epic",
    "environment": "test",
    "iss": "https://ehr.example.org/api/FHIR/R4",
    "provider_client_id": "app-1",
    "client_auth": "client_secret_basic",
    "client_secret": "s3cret-of-alder",
}


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


@pytest.fixture
async def program(here: House) -> Program:
    return await here.program(await here.organisation("Alder Clinic"))


class TestOrganisation:
    async def test_what_is_left_out_stays(self, program: Program) -> None:
        was = await program.ask("GET", "organisation")
        now = await program.ask("PATCH", "organisation", {"support_phone": "555-0134"}, If_Match=was.tag)
        assert now.status == 200
        assert now.json == {**was.json, "support_phone": "555-0134"}
        assert now.tag != was.tag
        assert (await program.ask("GET", "organisation")).tag == now.tag

    @pytest.mark.parametrize("field", ["id", "region", "parent", "two_persons", "tenant", "__class__"])
    async def test_what_a_program_may_not_set_is_refused_not_ignored(self, program: Program, field: str) -> None:
        said = await program.ask("PATCH", "organisation", {field: "x"}, If_Match="*")
        assert (said.status, said.json["code"]) == (400, "api-body-wrong")

    async def test_wrong_fields_are_named(self, program: Program) -> None:
        said = await program.ask("PATCH", "organisation", {"support_phone": "<script>"}, If_Match="*")
        assert (said.status, said.json["fields"]) == (422, {"support_phone": "phone-characters"})


class TestRevisions:
    @pytest.mark.parametrize(
        ("header", "status", "code"),
        [
            ({}, 428, "api-precondition-missing"),
            ({"If_Match": '"stale"'}, 412, "api-precondition-failed"),
            ({"If_Match": 'W/"1"'}, 400, "api-precondition-wrong"),
            ({"If_Match": "1"}, 400, "api-precondition-wrong"),
            ({"If_Match": '"1", "2"'}, 400, "api-precondition-wrong"),
        ],
    )
    async def test_a_change_must_say_of_what(self, program: Program, header: dict[str, str], status: int, code: str) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        department = await program.ask("POST", "departments", {"name": "Cardiology", "zone": "Europe/Berlin"})
        assert (made.status, department.status) == (201, 201)
        for method, path, body in (
            ("PATCH", "organisation", {"support_phone": "1"}),
            ("PUT", made.headers["Location"], CONNECTION),
            ("DELETE", made.headers["Location"], None),
            ("POST", made.headers["Location"] + "/submit", None),
            ("PATCH", department.headers["Location"], {"name": "X"}),
            ("DELETE", department.headers["Location"], None),
        ):
            said = await program.ask(method, path, body, **header)
            assert (said.status, said.json["code"]) == (status, code), (method, path)
        assert (await program.ask("GET", made.headers["Location"])).json == made.json
        assert (await program.ask("GET", department.headers["Location"])).json == department.json

    async def test_the_second_of_two_writers_loses_nothing_and_hears_of_it(self, program: Program) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        first = await program.ask("PUT", made.headers["Location"], {**CONNECTION, "name": "First"}, If_Match=made.tag)
        second = await program.ask("PUT", made.headers["Location"], {**CONNECTION, "name": "Second"}, If_Match=made.tag)
        assert (first.status, second.status) == (200, 412)
        assert (await program.ask("GET", made.headers["Location"])).json["name"] == "First"


class TestConnections:
    async def test_from_draft_to_the_approver(self, here: House, program: Program) -> None:
        tenant = (await program.ask("GET", "organisation")).json["id"]
        approver = await here.approver(tenant)
        made = await program.ask("POST", "connections", {**CONNECTION, "approver": approver})
        assert (made.json["state"], made.json["has_secret"]) == ("draft", True)
        where = made.headers["Location"]
        assert (await program.ask("GET", where + "/in-force")).status == 404
        assert {one["field"] for one in (await program.ask("GET", where + "/changes")).json["items"]} >= {"iss", "name"}
        sent = await program.ask("POST", where + "/submit", If_Match=made.tag)
        assert sent.json["state"] == "awaiting"
        assert (await program.ask("GET", "connections?state=awaiting")).json["items"][0]["id"] == made.json["id"]
        back = await program.ask("POST", where + "/withdraw", If_Match=sent.tag)
        assert back.json["state"] == "draft"
        assert (await program.ask("DELETE", where, If_Match=back.tag)).status == 204
        assert (await program.ask("GET", where)).status == 404
        assert [one["state"] for one in (await program.ask("GET", where + "/versions")).json["items"]] != []

    async def test_a_program_cannot_approve_and_is_told_why(self, program: Program) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        said = await program.ask("POST", made.headers["Location"] + "/approve")
        assert (said.status, said.json["code"]) == (403, "approval-needs-person")
        assert "sign in to the EHR" in said.json["detail"]

    async def test_where_two_persons_are_needed_a_program_only_prepares(self, here: House) -> None:
        tenant = await here.organisation("Birch Clinic", two_persons=True)
        program = await here.program(tenant)
        made = await program.ask("POST", "connections", {**CONNECTION, "approver": await here.approver(tenant)})
        said = await program.ask("POST", made.headers["Location"] + "/submit", If_Match="*")
        assert (said.status, said.json["code"]) == (403, "submit-needs-person")

    async def test_a_secret_goes_in_and_never_comes_out(self, program: Program) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        where = made.headers["Location"]
        kept = await program.ask("PUT", where, {name: value for name, value in CONNECTION.items() if name != "client_secret"}, If_Match="*")
        gone = await program.ask("PUT", where, {**CONNECTION, "client_secret": ""}, If_Match="*")
        assert (kept.json["has_secret"], gone.json["has_secret"]) == (True, False)
        seen = [await program.ask("GET", where + part) for part in ("", "/changes", "/versions", "/keys")]
        assert not any("s3cret" in one.text for one in (made, kept, gone, *seen))

    async def test_keys_are_published_and_rotate(self, program: Program) -> None:
        where = (await program.ask("POST", "connections", CONNECTION)).headers["Location"]
        before = (await program.ask("GET", where + "/keys")).json["items"]
        made = await program.ask("POST", where + "/keys")
        after = (await program.ask("GET", where + "/keys")).json["items"]
        assert made.status == 201
        assert {one["alg"] for one in before} == {"ES384", "RS384"}
        assert {one["kid"] for one in after} == {one["kid"] for one in (*before, *made.json["items"])}
        assert not any("d" in one for one in after)

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"iss": "https://\u0430lder.example/fhir"}, 422),
            ({"iss": "http://ehr.example.org/fhir"}, 422),
            ({"iss": "https://a@ehr.example.org"}, 422),
            ({"vendor": "acme"}, 400),
            ({"serving": True}, 400),
            ({"state": "approved"}, 400),
            ({"version": 7}, 400),
            ({"join_early_minutes": -1}, 400),
            ({"profile": [1]}, 400),
            ({"approver": str(uuid4())}, 201),  # judged when it is submitted: people come and go
        ],
    )
    async def test_bad_parts_are_refused(self, program: Program, change: dict[str, Any], status: int) -> None:
        assert (await program.ask("POST", "connections", {**CONNECTION, **change})).status == status


class TestLists:
    async def test_pages_follow_each_other_and_nothing_is_twice(self, program: Program) -> None:
        for n in range(7):
            assert (await program.ask("POST", "departments", {"name": f"Ward {n}", "zone": "UTC"})).status == 201
        found: list[str] = []
        after = ""
        for _ in range(4):
            page = (await program.ask("GET", f"departments?limit=2&after={after}")).json
            found += [one["name"] for one in page["items"]]
            after = page["next"]
        assert found == [f"Ward {n}" for n in range(7)]
        assert after == ""
        assert [one["name"] for one in (await program.ask("GET", "departments?search=ard%203")).json["items"]] == ["Ward 3"]

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "unknown=1", "limit", "state=null&%00"])
    async def test_a_question_with_a_mistake_is_refused(self, program: Program, query: str) -> None:
        assert (await program.ask("GET", f"connections?{query}")).status == 400


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"name": "A", "name": "B", "zone": "UTC"}', "null", "[" * 100_000, '{"name": NaN}', b"\xff"]
)
async def test_what_is_no_clean_json_is_refused(program: Program, body: Any) -> None:
    said = await program.ask("POST", "departments", body)
    assert said.status == 400
    assert said.headers["Content-Type"] == "application/problem+json"


async def test_a_form_is_no_json(program: Program) -> None:
    assert (await program.ask("POST", "departments", "name=A", Content_Type="application/x-www-form-urlencoded")).status == 400


class TestTenants:
    async def test_another_organisations_things_are_not_there(self, here: House, program: Program) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        department = await program.ask("POST", "departments", {"name": "Cardiology", "zone": "UTC"})
        approver = await here.approver((await program.ask("GET", "organisation")).json["id"])
        stranger = await here.program(await here.organisation("Birch Clinic"))
        where = made.headers["Location"]
        for method, path, body in (
            *[("GET", where + part, None) for part in ("", "/in-force", "/changes", "/versions", "/keys")],
            ("PUT", where, CONNECTION),
            ("DELETE", where, None),
            *[("POST", where + part, None) for part in ("/submit", "/withdraw", "/discard", "/keys")],
            ("GET", department.headers["Location"], None),
            ("PATCH", department.headers["Location"], {"name": "X"}),
            ("DELETE", department.headers["Location"], None),
            ("GET", f"members/{approver}", None),
        ):
            real = await stranger.ask(method, path, body, If_Match="*")
            made_up = await stranger.ask(
                method, path.replace(path.split("/")[4] if path.startswith("/api") else approver, str(uuid4())), body, If_Match="*"
            )
            assert real.status == 404, (method, path, real.text)
            assert {**real.json, "reference": ""} == {**made_up.json, "reference": ""}
        for path in ("connections", "departments", "members"):
            assert (await stranger.ask("GET", path)).json["items"] == []


READS = ("organisation", "departments", "connections")


async def test_roles_decide_who_may_change_what(here: House) -> None:
    tenant = await here.organisation("Alder Clinic")
    may: dict[str, set[str]] = {"change organisation": set(), "add department": set(), "start connection": set(), "list members": set()}
    for role in StaffRole:
        program = await here.program(tenant, role)
        for path in READS:
            assert (await program.ask("GET", path)).status == 200
        tried = {
            "change organisation": await program.ask("PATCH", "organisation", {}, If_Match="*"),
            "add department": await program.ask("POST", "departments", {"name": f"D {role}", "zone": "UTC"}),
            "start connection": await program.ask(
                "POST", "connections", {**CONNECTION, "iss": f"https://{role.replace('_', '-')}.example"}
            ),
            "list members": await program.ask("GET", "members"),
        }
        for what, said in tried.items():
            assert said.status in {200, 201, 403}, said.text
            if said.status != 403:
                may[what].add(role.value)
    assert may == {
        "change organisation": {"administrator"},
        "add department": {"administrator"},
        "start connection": {"administrator", "integration_engineer"},
        "list members": {"administrator", "auditor"},
    }


async def test_without_a_token_there_is_only_the_description(here: House, program: Program) -> None:
    nobody = Program(program.session, program.origin, "vestibule_" + "x" * 43)
    assert (await nobody.ask("GET", "organisation")).status == 401
    said = await nobody.ask("GET", "/api/openapi.json")
    assert said.status == 200
    assert "Alder" not in said.text


async def test_a_wrong_method_is_told_the_right_ones(program: Program) -> None:
    said = await program.ask("DELETE", "organisation")
    assert said.status == 405
    assert {"GET", "PATCH"} <= set(said.headers["Allow"].split(", "))


class TestLooking:
    async def test_every_act_of_a_program_is_in_the_audit_under_its_token(self, program: Program) -> None:
        made = await program.ask("POST", "connections", CONNECTION)
        entry = (await program.ask("GET", "audit?action=connection.started")).json["items"][0]
        assert (entry["actor_kind"], entry["about_id"], entry["outcome"]) == ("token", made.json["id"], "success")
        taken = await program.ask("GET", "audit.ndjson?action=connection.started")
        assert taken.headers["Content-Type"].startswith("application/fhir+ndjson")
        assert [line.startswith('{"resourceType":"AuditEvent"') for line in taken.text.splitlines()] == [True]
        assert (await program.ask("GET", "audit?action=audit.exported")).json["items"] != []
        assert "s3cret" not in taken.text

    @pytest.mark.parametrize(
        "query", ["since=0001-01-01T00:00:00%2B23:59", "until=9999-12-31T23:59:59-23:59", "search=%00", "reference=%00", "after=xx"]
    )
    async def test_the_ends_of_time_and_strange_texts_find_nothing_or_everything(self, program: Program, query: str) -> None:
        assert (await program.ask("GET", f"audit?{query}")).status == 200

    @pytest.mark.parametrize(
        "query", ["day=9999-12-31", "day=0001-01-01", "code=%00", "outcome=joined", "connection=01a1fe72-07d5-7f46-ad3f-8912bd1a87c7"]
    )
    async def test_launches_of_no_day_are_none(self, program: Program, query: str) -> None:
        said = await program.ask("GET", f"launches?{query}")
        assert (said.status, said.json) == (200, {"items": [], "next": ""})

    async def test_a_certificate_is_the_keys_public_half(self, program: Program) -> None:
        where = (await program.ask("POST", "connections", CONNECTION)).headers["Location"]
        kid = (await program.ask("GET", where + "/keys")).json["items"][0]["kid"]
        said = await program.ask("GET", f"{where}/keys/{kid}/certificate")
        assert (said.status, said.headers["Content-Type"]) == (200, "application/pkix-cert")
        assert "PRIVATE" not in said.text
        assert (await program.ask("GET", f"{where}/keys/none/certificate")).status == 404
