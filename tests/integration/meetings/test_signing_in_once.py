"""A clinician signs in once at their organisation's own Microsoft directory: over real sockets, with the practice sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest
import pytest_asyncio

from conftest import ServerThread
from support.launching import Browser, code_of
from support.microsoft_once import ALDER, BIRCH, CLIENT, DEVIKA, PIOTR, ROSA, SECRET, TOMAS, Clinic, clinic
from support.signing_in import pick
from vestibule.kit.ids import TenantId, new_id
from vestibule.meetings.model import ProofKind
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import MeetingKind, Opens, PersonRole
from vestibule.wiring.teams_people import make_microsoft_sign_ins

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(postgres: ServerThread, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    url = await postgres.fresh()
    async with clinic(url, tmp_path_factory.mktemp("data")) as one:
        yield one
    await postgres.drop(url)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_it_should_be(there: Clinic) -> AsyncIterator[None]:
    """Whatever a test changed at Microsoft is put right after it."""
    yield
    there.register()
    there.policy()
    there.hospital.setup(settings={"id_token_fault": "none"}, people_accounts=[{"oid": ROSA.oid, "licences": ["teams"], "enabled": True}])


def why_of(url: str) -> str:
    """The code in the address of the page."""
    return parse_qs(urlsplit(url).query).get("why", [""])[0]


# ---------------------------------------------------------------------- the good way


async def test_a_clinician_signs_in_once_and_is_known_from_then_on(there: Clinic) -> None:
    guest, browser = await there.clinician("OKAFOR")
    before = await browser.ask(f"{guest.base}/microsoft")
    assert 'data-state="open"' in before.text
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert (page.status, page.url) == (200, f"{there.house.origin}{guest.base}/microsoft")
    assert 'data-state="bound"' in page.text
    assert await there.bound(guest) == ROSA.oid
    again, _ = await there.clinician("OKAFOR")
    assert await there.bound(again) == ROSA.oid
    assert await there.audited(guest) == [("meeting.person-bound", "success", "")]


async def test_only_two_ids_are_kept_and_the_records_own_is_sealed(there: Clinic) -> None:
    guest, browser = await there.clinician("CANARY-77")
    await there.sign_in(guest, browser, DEVIKA.oid)
    async with there.house.parts.db.tenant(there.house.tenant) as tx:
        tables = [*await tx.fetch("select * from meeting_bindings"), *await tx.fetch("select * from meeting_sign_ins")]
    told = repr([dict(row) for row in tables])
    assert DEVIKA.oid in told
    for word in ("CANARY-77", DEVIKA.name, DEVIKA.email, DEVIKA.user_name):
        assert word not in told


async def test_the_browser_is_sent_to_the_organisations_own_directory_with_everything_that_protects_it(there: Clinic) -> None:
    guest, browser = await there.clinician()
    page = await browser.ask(f"{guest.base}/microsoft/start")
    assert page.location.startswith(f"{there.microsoft}/{ALDER}/oauth2/v2.0/authorize?")
    asked = page.query
    assert (asked["response_type"], asked["scope"], asked["prompt"]) == ("code", "openid profile", "select_account")
    assert asked["code_challenge_method"] == "S256"
    assert all(len(asked[name]) >= 32 for name in ("state", "nonce", "code_challenge"))
    cookie = page.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/meetings/teams"))


async def test_the_application_may_prove_itself_by_its_certificate(there: Clinic) -> None:
    await there.by_certificate()
    guest, browser = await there.clinician()
    assert 'data-state="bound"' in (await there.sign_in(guest, browser, ROSA.oid)).text
    there.register()
    await there.connect(proof=ProofKind.SECRET, secret=SECRET)


async def test_who_took_the_wrong_account_signs_in_with_the_right_one(there: Clinic) -> None:
    guest, browser = await there.clinician()
    await there.sign_in(guest, browser, DEVIKA.oid)
    await there.sign_in(guest, browser, ROSA.oid)
    assert await there.bound(guest) == ROSA.oid
    async with there.house.parts.db.tenant(there.house.tenant) as tx:
        told = await tx.fetch(
            "select detail->>'again' as again from audit_entries where actor_session = $1 and action = 'meeting.person-bound' order by seq",
            str(guest.opened.principal.session),
        )
    assert [row["again"] for row in told] == ["no", "other"]


async def test_two_windows_sign_in_at_once_and_the_last_answer_counts(there: Clinic) -> None:
    guest, browser = await there.clinician()
    backs = [await pick(browser, await there.to_microsoft(guest, browser), oid) for oid in (ROSA.oid, DEVIKA.oid)]
    jar = dict(browser.jar)
    answers = await asyncio.gather(*(Browser(there.session, there.house.origin, jar=dict(jar)).ask(back) for back in backs))
    assert [answer.status for answer in answers] == [303, 303]
    assert await there.bound(guest) in {ROSA.oid, DEVIKA.oid}


async def test_an_unbound_clinician_is_asked_again(there: Clinic) -> None:
    guest, browser = await there.clinician("ASH")
    await there.sign_in(guest, browser, ROSA.oid)
    bindings, tenant = there.house.parts.meetings.bindings, there.house.tenant
    mine = next(one for one in await there.bindings() if one.person == "id:ASH")
    async with there.house.parts.db.tenant(tenant) as tx:
        await bindings.unbind(tx, mine.id, by=SYSTEM)
    assert await there.bound(guest) == ""
    assert 'data-state="open"' in (await browser.ask(f"{guest.base}/microsoft")).text


# ---------------------------------------------------------------------- who is not let in


async def test_microsoft_itself_turns_away_somebody_of_another_directory(there: Clinic) -> None:
    guest, browser = await there.clinician()
    page = await there.to_microsoft(guest, browser)
    with pytest.raises(AssertionError, match="Sign-in did not work"):
        await pick(browser, page, TOMAS.oid)
    assert await there.bound(guest) == ""
    assert "Use another account" in (await browser.ask(f"{guest.base}/microsoft")).text


async def test_a_token_of_another_directory_binds_nobody(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.hospital.setup(settings={"id_token_fault": "tenant"})
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert why_of(page.url) == "teams-wrong-directory"
    assert "belongs to another organisation" in page.text
    assert await there.bound(guest) == ""
    assert await there.audited(guest) == [("meeting.sign-in-refused", "refused", "teams-wrong-directory")]


async def test_a_guest_of_the_directory_is_told_so_and_not_bound(there: Clinic) -> None:
    guest, browser = await there.clinician()
    page = await there.sign_in(guest, browser, PIOTR.oid)
    assert why_of(page.url) == "teams-guest-account"
    assert "guest account" in page.text
    assert await there.bound(guest) == ""


async def test_who_cancels_may_sign_in_again(there: Clinic) -> None:
    guest, browser = await there.clinician()
    page = await there.sign_in(guest, browser, "")
    assert why_of(page.url) == "sign-in-declined"
    assert 'data-state="bound"' in (await there.sign_in(guest, browser, ROSA.oid)).text


@pytest.mark.parametrize("fault", ["nonce", "audience", "issuer", "expired", "signature", "unsigned", "old-key"])
async def test_a_token_that_proves_nothing_binds_nobody(there: Clinic, fault: str) -> None:
    guest, browser = await there.clinician()
    there.hospital.setup(settings={"id_token_fault": fault})
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert why_of(page.url) == "sign-in-not-trusted"
    assert await there.bound(guest) == ""


async def test_a_secret_that_microsoft_does_not_take_any_more_is_the_administrators_to_mend(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.register(secret_expired=True)
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert why_of(page.url) == "sign-in-misconfigured"
    assert "For your administrator" in page.text


async def test_a_directory_that_nobody_knows_is_said_before_leaving(there: Clinic) -> None:
    guest, browser = await there.clinician()
    await there.connect(directory=str(new_id()))
    page = await browser.follow(f"{guest.base}/microsoft/start")
    assert why_of(page.url) == "sign-in-misconfigured"
    await there.connect(directory=ALDER)


async def test_without_a_connection_there_is_nowhere_to_sign_in(there: Clinic) -> None:
    guest, browser = await there.clinician()
    await there.connect(kind=MeetingKind.ROOM, directory="", client_id="", secret="")
    page = await browser.ask(f"{guest.base}/microsoft")
    assert 'data-code="teams-not-set-up"' in page.text
    assert "/microsoft/start" not in page.text
    assert why_of((await browser.follow(f"{guest.base}/microsoft/start")).url) == "teams-not-set-up"
    await there.connect(kind=MeetingKind.TEAMS, directory=ALDER, client_id=CLIENT, secret=SECRET)


# ---------------------------------------------------------------------- what else stands in the way


async def test_a_missing_licence_is_named_at_once_and_gone_when_it_is_there(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.hospital.setup(people_accounts=[{"oid": ROSA.oid, "licences": []}])
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert 'data-code="teams-licence-missing"' in page.text
    assert "Microsoft 365 admin center" in page.text
    assert "Sign in with another one" in page.text  # on a shared computer it may have been a colleague's account
    assert await there.bound(guest) == ROSA.oid  # who they are is proved all the same
    there.hospital.setup(people_accounts=[{"oid": ROSA.oid, "licences": ["teams"]}])
    assert 'data-state="bound"' in (await browser.ask(f"{guest.base}/microsoft")).text


async def test_a_missing_access_policy_is_named_at_once(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.policy(everyone=False, granted_to=[DEVIKA.oid])
    page = await there.sign_in(guest, browser, ROSA.oid)
    assert 'data-code="teams-policy-missing"' in page.text
    assert "Grant-CsApplicationAccessPolicy" in page.text


async def test_a_permission_that_nobody_consented_to_is_named_at_once(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.register(consented=[], secret="another")
    await there.connect(secret="another")  # a token that was given before would still hold the permissions
    page = await there.sign_in(guest, browser, ROSA.oid)
    await there.connect(secret=SECRET)
    assert 'data-code="teams-permission-missing"' in page.text


async def test_that_graph_does_not_answer_stands_in_nobodys_way(there: Clinic) -> None:
    guest, browser = await there.clinician()
    there.hospital.setup(trouble={"graph": {"mode": "error"}})
    page = await there.sign_in(guest, browser, ROSA.oid)
    there.hospital.setup(trouble={"graph": {"mode": "off"}})
    assert page.status == 200
    assert 'data-state="bound"' in page.text


# ---------------------------------------------------------------------- hostile callbacks


async def test_the_callback_works_once(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    jar = dict(browser.jar)
    assert (await browser.ask(back)).status == 303
    browser.jar = jar  # a browser that had kept its cookie
    again = await browser.ask(back)
    assert (again.status, code_of(again)) == (409, "sign-in-used")


async def test_of_an_answer_that_comes_twice_at_once_one_counts(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    twins = [Browser(there.session, there.house.origin, jar=dict(browser.jar)) for _ in range(4)]
    answers = await asyncio.gather(*(twin.ask(back) for twin in twins))
    assert sorted(answer.status for answer in answers) == [303, 409, 409, 409]
    assert await there.audited(guest) == [("meeting.person-bound", "success", "")]


async def test_nobody_is_bound_to_somebody_elses_account_by_a_link(there: Clinic) -> None:
    mallory, (victim, theirs) = await there.clinician(), await there.clinician()
    back = await pick(mallory[1], await there.to_microsoft(*mallory), DEVIKA.oid)
    page = await theirs.ask(back)
    assert (page.status, code_of(page)) == (403, "sign-in-other-browser")
    assert await there.bound(victim) == ""
    assert (await mallory[1].ask(back)).status == 303  # the other browser has used nothing up
    assert await there.bound(mallory[0]) == DEVIKA.oid


async def test_an_answer_of_one_sign_in_does_nothing_for_another(there: Clinic) -> None:
    """Somebody puts the code of their own sign-in into the address of another's."""
    (one, mine), (other, theirs) = await there.clinician(), await there.clinician()
    code = parse_qs(urlsplit(await pick(mine, await there.to_microsoft(one, mine), DEVIKA.oid)).query)["code"][0]
    back = urlsplit(await pick(theirs, await there.to_microsoft(other, theirs), ROSA.oid))
    forged = urlencode({"code": code, "state": parse_qs(back.query)["state"][0]})
    page = await theirs.follow(f"{there.house.origin}{back.path}?{forged}")
    assert why_of(page.url) == "sign-in-failed"  # the verifier is not the one that code was asked with
    assert await there.bound(other) == ""


async def test_a_sign_in_that_took_too_long_is_over(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    async with there.house.parts.db.tenant(there.house.tenant) as tx:
        await tx.execute("update meeting_sign_ins set expires_at = now() - interval '1 second' where used_at is null")
    page = await browser.ask(back)
    assert (page.status, code_of(page)) == (410, "sign-in-expired")


async def test_a_session_that_ended_meanwhile_binds_nobody(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    async with there.house.parts.db.tenant(there.house.tenant) as tx:
        await there.house.parts.identity.close_session(tx, guest.opened.principal.session)
    page = await browser.ask(back)
    assert why_of(page.location) == "session-over"
    assert await there.bound(guest) == ""


async def test_a_connection_that_changed_meanwhile_binds_nobody(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    await there.connect(directory=BIRCH)
    page = await browser.ask(back)
    await there.connect(directory=ALDER)
    assert why_of(page.location) == "teams-connection-changed"
    assert await there.bound(guest) == ""


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=x",
        "code=x",
        "code=x&state=never-heard-of",
        "code=x&state=a&state=b",
        "error=access_denied&state=never-heard-of",
        "code=%00&state=%00",
        "code=" + "x" * 5000 + "&state=y",
        "&".join(f"a{n}=1" for n in range(60)),
        "state=%ff%fe&code=1",
    ],
)
async def test_an_address_that_belongs_to_no_sign_in_says_so_and_no_more(there: Clinic, query: str) -> None:
    page = await there.browser().ask(f"/meetings/teams/callback?{query}")
    assert (page.status, code_of(page)) == (400, "sign-in-unknown")


async def test_a_provider_that_names_itself_wrongly_gets_no_code_back(there: Clinic) -> None:
    guest, browser = await there.clinician()
    back = await pick(browser, await there.to_microsoft(guest, browser), ROSA.oid)
    page = await browser.follow(f"{back}&iss=https%3A%2F%2Flogin.example%2Fx")
    assert why_of(page.url) == "sign-in-not-trusted"
    assert await there.bound(guest) == ""


# ---------------------------------------------------------------------- who may come to these pages


async def test_patients_have_nothing_to_sign_in_to(there: Clinic) -> None:
    patient = await there.house.come(PersonRole.PATIENT, "Amy Shaw", csn="7001")
    for where in ("microsoft", "microsoft/start"):
        status, _ = await patient.get(where)
        assert status == 403


async def test_nothing_in_the_address_comes_onto_the_page(there: Clinic) -> None:
    guest, browser = await there.clinician()
    page = await browser.ask(f"{guest.base}/microsoft?why=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status == 200
    assert "alert(1)" not in page.text
    assert 'data-state="open"' in page.text


async def test_a_clinician_whom_the_record_did_not_name_is_told_what_to_do(there: Clinic) -> None:
    guest, browser = await there.clinician()
    async with there.house.parts.db.tenant(there.house.tenant) as tx:
        await tx.execute("update participants set person_sealed = null, person_key = null where id = $1", guest.participant.id)
    page = await browser.ask(f"{guest.base}/microsoft")
    assert 'data-code="binding-nobody"' in page.text
    assert why_of((await browser.follow(f"{guest.base}/microsoft/start")).url) == "binding-nobody"


async def test_a_frame_opens_a_window_of_its_own(there: Clinic) -> None:
    guest, browser = await there.clinician(framed=True)
    page = await browser.ask(f"{guest.base}/microsoft")
    assert f'data-handoff="{guest.base}/handoff"' in page.text


@pytest.mark.parametrize(
    ("opens", "framed", "in_place"),
    [(Opens.HERE, False, True), (Opens.HERE, True, False), (Opens.WINDOW, False, False), (Opens.APP, False, False)],
)
async def test_where_no_second_window_opens_the_sign_in_takes_the_consoles_place(
    there: Clinic, opens: Opens, framed: bool, in_place: bool
) -> None:
    await there.connect(opens=opens)
    guest, browser = await there.clinician(framed=framed)
    text = (await browser.ask(f"{guest.base}/console")).text
    assert 'data-open="microsoft"' in text
    assert ("data-in-place" in text) is in_place


async def test_old_sign_ins_are_forgotten(there: Clinic) -> None:
    guest, browser = await there.clinician()
    await there.to_microsoft(guest, browser)
    parts = there.house.parts
    sign_ins = make_microsoft_sign_ins(parts)
    async with parts.db.tenant(there.house.tenant) as tx:
        await tx.execute("update meeting_sign_ins set expires_at = now() - interval '1 second'")
    assert there.house.tenant in await sign_ins.due(parts.db, TenantId(UUID(int=0)), 10)
    async with parts.db.tenant(there.house.tenant) as tx:
        assert await sign_ins.sweep(tx) >= 1
        assert await tx.fetchval("select count(*) from meeting_sign_ins") == 0
