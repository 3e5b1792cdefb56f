"""The pages about people and programs, over real sockets: who may open them, what they take, what they never show."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from support.house import House, Staff, house
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import new_id
from vestibule.platform.audit import SYSTEM

ADMIN, ENGINEER, AUDITOR = StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER, StaffRole.AUDITOR
MARKUP = "<script>alert(1)</script>\"'>"


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as one:
        yield one


async def member_id(here: House, name: str) -> str:
    async with here.parts.db.tenant(here.tenant) as tx:
        return next(str(m.id) for m in (await here.parts.members.listing(tx)).items if m.name == name)


async def call(here: House, secret: str, path: str = "/api/v1/organisation") -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession() as session, session.get(here.origin + path, headers=headers) as answer:
        return answer.status


def made_secret(text: str) -> str:
    found = re.search(r'value="(vestibule_[^"]+)"', text)
    assert found, text[:2000]
    return found[1]


async def test_each_page_is_for_its_roles(here: House) -> None:
    for role in StaffRole:
        somebody = await here.staff({role})
        for path in ("people", "people/invite", "programs", "programs/new"):
            allowed = {ADMIN} if path.startswith("people") else {ADMIN, ENGINEER}
            assert (await somebody.get(path))[0] == (200 if role in allowed else 403), (role, path)


async def test_forms_are_for_the_same_roles_as_their_pages(here: House) -> None:
    somebody = await here.staff({AUDITOR})
    other = await here.staff({ADMIN}, name="Admin")
    for path in ("people/invite", f"people/{other.member.id}", f"people/{other.member.id}/removal", "programs/new"):
        assert (await somebody.post_form(path, {"auditor": "yes"}))[0] == 403, path
    assert (await other.get("people"))[0] == 200


async def test_an_invitation_is_made_on_a_page_and_its_link_shown_once(here: House) -> None:
    admin = await here.staff({ADMIN})
    status, text = await admin.post_form("people/invite", {"email": "rosa@alder.test", "clinician": "yes", "auditor": "yes"})
    assert status == 200
    found = re.search(r'value="(http[^"]+/invitation/[^"]+)"', text)
    assert found
    code = found[1].rpartition("/")[2]
    assert await here.parts.members.whose_invitation(here.parts.db, code) == here.tenant
    listed = (await admin.get("people"))[1]
    assert "rosa@alder.test" in listed
    assert "Clinician, Auditor" in listed
    assert code not in listed


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "rosa", "auditor": "yes"}, "This is not an e-mail address."),
        ({"email": "rosa@alder.test"}, "Choose at least one role."),
        ({"email": "robin@alder.test", "auditor": "yes"}, "belongs to the organisation already"),
    ],
)
async def test_a_mistake_is_said_beside_the_field_and_nothing_is_lost(here: House, fields: dict[str, str], said: str) -> None:
    admin = await here.staff({ADMIN}, email="robin@alder.test")
    status, text = await admin.post_form("people/invite", fields)
    assert status == 400
    assert said in text
    assert f'value="{fields["email"]}"' in text


async def test_a_form_takes_no_field_it_does_not_have(here: House) -> None:
    admin = await here.staff({ADMIN})
    for path in ("people/invite", f"people/{admin.member.id}", "programs/new"):
        for field in ("tenant_id", "state", "issuer", "subject", "roles", "id"):
            status, _ = await admin.post_form(path, {"administrator": "yes", field: "active"})
            assert status == 400, (path, field)


async def test_roles_are_changed_on_a_page_and_the_session_that_lost_one_ends(here: House) -> None:
    admin, other = await here.staff({ADMIN}), await here.staff({AUDITOR, ENGINEER}, name="Kim Elm")
    assert (await other.get("programs"))[0] == 200
    assert (await admin.post_form(f"people/{other.member.id}", {"auditor": "yes"}))[0] == 303
    status, text = await other.get("programs")
    assert status == 401
    assert "/sign-in?to=programs" in text


async def test_the_last_administrator_is_told_why_not(here: House) -> None:
    admin = await here.staff({ADMIN})
    status, text = await admin.post_form(f"people/{admin.member.id}", {"auditor": "yes"})
    assert status == 409
    assert "only administrator" in text
    assert (await admin.post_form(f"people/{admin.member.id}/removal"))[0] == 409
    assert (await admin.get("people"))[0] == 200


async def test_an_invitation_that_is_too_old_is_shown_as_such(here: House, owner: asyncpg.Connection) -> None:
    admin = await here.staff({ADMIN})
    await admin.post_form("people/invite", {"email": "rosa@alder.test", "auditor": "yes"})
    assert "Invitation expired" not in (await admin.get("people"))[1]
    await owner.execute("update members set invitation_expires_at = now() where state = 'invited'")
    assert "Invitation expired" in (await admin.get("people"))[1]


async def test_removing_asks_first_and_then_is_at_once(here: House) -> None:
    admin, other = await here.staff({ADMIN}), await here.staff({AUDITOR}, name="Kim Elm")
    path = f"people/{other.member.id}/removal"
    assert "Kim Elm" in (await admin.get(path))[1]
    assert (await other.get("organisations"))[0] == 200  # asking changes nothing
    assert (await admin.post_form(path))[0] == 303
    assert (await other.get("organisations"))[0] == 401
    assert "Kim Elm" not in (await admin.get("people"))[1]


async def test_people_and_tokens_of_another_organisation_do_not_exist(here: House) -> None:
    mallory = await here.staff({ADMIN}, tenant=await here.organisation())
    victim = await here.staff({ADMIN}, name="Victim")
    async with here.parts.db.tenant(here.tenant) as tx:
        token = (await here.parts.tokens.make(tx, name="t", roles={AUDITOR}, days=1, by=SYSTEM)).token
    for path in (f"people/{victim.member.id}", f"people/{victim.member.id}/removal", f"people/{new_id()}"):
        assert (await mallory.get(path))[0] == 404, path
        assert (await mallory.post_form(path, {} if path.endswith("remove") else {"auditor": "yes"}))[0] == 404, path
    assert (await mallory.post_form(f"programs/{token.id}/withdraw"))[0] == 404
    assert "Victim" not in (await mallory.get("people"))[1]
    assert (await victim.get("people"))[0] == 200


async def test_a_cookie_of_one_session_opens_no_other(here: House) -> None:
    one, other = await here.staff({ADMIN}), await here.staff({ADMIN}, name="Other", tenant=await here.organisation())
    for value in (one.cookie.value, other.cookie.value[:-1], ""):
        forged = Staff(here, other.member, other.opened)
        status, _ = await forged.get("people", Cookie=f"{other.cookie.name}={value}")
        assert status == 401


async def test_names_are_text_wherever_they_come_from(here: House) -> None:
    admin = await here.staff({ADMIN}, name=MARKUP)
    await admin.post_form("people/invite", {"name": MARKUP, "auditor": "yes"})
    await admin.post_form("programs/new", {"name": MARKUP, "days": "3", "auditor": "yes"})
    invited = await member_id(here, MARKUP)
    for path in ("people", "programs", f"people/{invited}", f"people/{invited}/removal", f"people?search={'%3Cscript%3E'}"):
        text = (await admin.get(path))[1]
        assert "<script>alert" not in text, path
        assert "&lt;script&gt;" in text, path


async def test_a_token_is_made_on_a_page_used_and_withdrawn(here: House, owner: asyncpg.Connection) -> None:
    admin = await here.staff({ADMIN})
    status, text = await admin.post_form("programs/new", {"name": "robot", "days": "3", "administrator": "yes"})
    assert status == 200
    secret = made_secret(text)
    assert await call(here, secret) not in {401, 403}
    listed = (await admin.get("programs"))[1]
    assert "robot" in listed
    assert secret not in listed
    token = await owner.fetchval("select id from api_tokens")
    assert (await admin.post_form(f"programs/{token}/withdraw"))[0] == 303
    assert await call(here, secret) == 401
    assert "Withdrawn" in (await admin.get("programs"))[1]


async def test_an_engineer_makes_no_program_that_may_do_more_than_they_may(here: House) -> None:
    engineer = await here.staff({ENGINEER})
    assert (await engineer.post_form("programs/new", {"name": "r", "days": "3", "administrator": "yes"}))[0] == 400
    assert (await engineer.post_form("programs/new", {"name": "r", "days": "3", "integration_engineer": "yes"}))[0] == 200
    assert "Sets up the organisation" not in (await engineer.get("programs/new"))[1]


async def test_how_long_is_a_number_of_days(here: House) -> None:
    admin = await here.staff({ADMIN})
    for days in ("", "0", "-1", "731", "1e3", "\N{ARABIC-INDIC DIGIT THREE}", "99999999999"):
        status, text = await admin.post_form("programs/new", {"name": "robot", "days": days, "auditor": "yes"})
        assert status == 400, days
        assert "1 to 730 days" in text


async def test_guessing_tokens_is_slowed_down(here: House) -> None:
    statuses = [await call(here, f"vestibule_{n:043}") for n in range(60)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_without_a_way_to_sign_in_the_page_says_what_to_set(here: House) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{here.origin}/sign-in") as answer:
        text = await answer.text()
    assert "VESTIBULE_ENTRA_CLIENT_ID" in text
    assert "VESTIBULE_OIDC_ISSUER" in text


async def test_what_is_typed_into_addresses_is_harmless(here: House) -> None:
    admin = await here.staff({ADMIN})
    for path in (
        "people?after=%00",
        "people?after=x&search=%25",
        "programs?after=W10",
        "people?search=%00",
        "organisations?search=%00",
    ):
        assert (await admin.get(path))[0] in {200, 400}, path
