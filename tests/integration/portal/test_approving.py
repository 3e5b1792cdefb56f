"""Approving: who may, with which proof, of which version; and what the portal says when the record's sign-in does not work."""

from __future__ import annotations

from typing import Any

import aiohttp
import asyncpg
import pytest

from practice.seed import PROVIDER_CLIENT
from support.house import House
from support.setting_up import Setup, at_the_record, browser_of, prove, signed_in
from vestibule.identity.model import StaffRole
from vestibule.platform.audit import SYSTEM
from vestibule.tenancy.model import VersionState


async def approval_page(setup: Setup) -> str:
    status, text = await setup.approver.get(f"approvals/{setup.connection}", Accept="text/html")
    assert status == 200
    return text


async def test_without_the_sign_in_to_the_record_nothing_is_approved(setup: Setup) -> None:
    await setup.awaiting()
    status, said = await setup.approve()
    assert (status, "approval-without-proof" in said) == (403, True)
    assert await setup.in_force() is None


async def test_somebody_else_than_the_named_approver_neither_signs_in_nor_decides(
    setup: Setup, h: House, http: aiohttp.ClientSession
) -> None:
    version = await setup.awaiting()
    other = await h.staff({StaffRole.APPROVER, StaffRole.ADMINISTRATOR})
    page = await at_the_record(browser_of(http, other), setup, other)
    assert (page.status, "approver-wrong-person" in page.text) == (403, True)
    said = {"version": str(version.number), "revision": str(version.revision), "reason": "no"}
    for what in ("approve", "reject"):
        status, answer = await other.post_form(f"approvals/{setup.connection}/{what}", said)
        assert (status, "approver-wrong-person" in answer) == (403, True), what
    assert (await setup.newest()).state is VersionState.AWAITING


async def test_a_proof_is_no_good_in_another_session_of_the_same_person(setup: Setup, h: House, http: aiohttp.ClientSession) -> None:
    version = await setup.awaiting()
    await prove(http, setup, setup.approver)
    async with h.parts.db.tenant(h.tenant) as tx:
        again = await h.parts.members.open_session(tx, setup.approver.member)
    setup.approver.opened = again
    status, said = await setup.approve()
    assert (status, "approval-without-proof" in said) == (403, True)
    assert (await setup.newest()).revision == version.revision


async def test_a_proof_is_of_one_version_and_a_change_asks_for_another(setup: Setup, http: aiohttp.ClientSession) -> None:
    seen = await setup.awaiting()
    await prove(http, setup, setup.approver)
    await setup.keys(patient_client_id="changed-meanwhile")
    stale = {"version": str(seen.number), "revision": str(seen.revision)}
    status, said = await setup.approver.post_form(f"approvals/{setup.connection}/approve", stale)
    assert (status, "approval-not-awaited" in said) == (409, True)
    assert (await setup.submit())[0] == 303
    status, said = await setup.approver.post_form(f"approvals/{setup.connection}/approve", stale)
    assert status == 409
    status, said = await setup.approve()
    assert (status, "approval-without-proof" in said) == (403, True)
    assert await setup.in_force() is None


async def test_a_refused_decision_does_not_use_the_proof_up(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    await prove(http, setup, setup.approver)
    assert (await setup.approve(revision="1"))[0] in {403, 409}
    assert (await setup.approve())[0] == 303


async def test_an_approval_sent_twice_counts_once(setup: Setup, http: aiohttp.ClientSession) -> None:
    version = await setup.awaiting()
    await prove(http, setup, setup.approver)
    said = {"version": str(version.number), "revision": str(version.revision)}
    assert (await setup.approver.post_form(f"approvals/{setup.connection}/approve", said))[0] == 303
    status, answer = await setup.approver.post_form(f"approvals/{setup.connection}/approve", said)
    assert (status, "approval-not-awaited" in answer) == (409, True)


async def test_the_approver_sees_exactly_what_changed_since_the_last_approval(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    assert "What is to be approved, all of it" in await approval_page(setup)
    await prove(http, setup, setup.approver)
    await setup.approve()
    await setup.keys(patient_client_id="new-patients", client_auth="client_secret_basic", secret="shh-secret")
    await setup.submit()
    page = await approval_page(setup)
    assert "What changes since the last approval" in page
    assert "new-patients" in page
    assert PROVIDER_CLIENT not in page
    assert "shh-secret" not in page
    assert "Client secret" in page


async def test_a_rejection_needs_a_reason_and_the_administrator_reads_it(setup: Setup) -> None:
    version = await setup.awaiting()
    said = {"version": str(version.number), "revision": str(version.revision)}
    status, page = await setup.approver.post_form(f"approvals/{setup.connection}/reject", said | {"reason": "  "})
    assert (status, 'href="#f-reason"' in page) == (400, True)
    assert (await setup.approver.post_form(f"approvals/{setup.connection}/reject", said | {"reason": "Wrong suffix"}))[0] == 303
    assert "Wrong suffix" in (await setup.admin.get(f"connections/{setup.connection}/address", Accept="text/html"))[1]
    assert (await setup.submit())[0] == 303
    assert (await setup.newest()).state is VersionState.AWAITING


async def test_where_two_persons_are_wanted_nobody_approves_their_own(setup: Setup, h: House, http: aiohttp.ClientSession) -> None:
    both = await h.staff({StaffRole.ADMINISTRATOR, StaffRole.APPROVER}, name="Both")
    setup.admin = setup.approver = both
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.organisations.change(tx, {"two_persons": True}, by=SYSTEM)
    await setup.awaiting()
    assert "Two persons are needed here" in await approval_page(setup)
    await prove(http, setup, both)
    status, said = await setup.approve()
    assert (status, "approver-second-person" in said) == (403, True)


async def test_one_person_with_both_roles_still_signs_in_to_the_record(setup: Setup, h: House, http: aiohttp.ClientSession) -> None:
    setup.admin = setup.approver = await h.staff({StaffRole.ADMINISTRATOR, StaffRole.APPROVER}, name="Both")
    await setup.awaiting()
    assert (await setup.approve())[0] == 403
    await prove(http, setup, setup.approver)
    assert (await setup.approve())[0] == 303


# ---------------------------------------------------------------------- the way to the record and back


async def test_of_the_sign_in_only_its_time_is_kept(setup: Setup, http: aiohttp.ClientSession, owner: asyncpg.Connection) -> None:
    await setup.awaiting()
    await prove(http, setup, setup.approver)
    row = await owner.fetchrow("select * from ehr_sign_ins")
    assert row is not None
    assert (row["sealed"], row["code"]) == (None, "")
    assert row["proved_at"] is not None
    user = setup.hospital.hospital.book.practitioners[0]
    for table in ("ehr_sign_ins", "audit_entries"):
        if await owner.fetchval("select to_regclass($1)", table):
            text = await owner.fetchval(f"select string_agg(t::text, ' ') from {table} t")
            assert user.name.split()[-1] not in text
            assert f"Practitioner/{user.id}" not in text


async def test_a_return_counts_once_in_its_own_browser_only(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    browser = browser_of(http, setup.approver)
    page = await at_the_record(browser, setup, setup.approver)
    user = f"Practitioner/{setup.hospital.hospital.book.practitioners[0].id}"
    back = (await signed_in(browser, setup, page, user)).location
    elsewhere = await browser_of(http, setup.approver).ask(back)
    assert (elsewhere.status, "ehr-sign-in-elsewhere" in elsewhere.text) == (400, True)
    cookies = dict(browser.jar)
    assert (await browser.ask(back)).status == 303
    browser.jar = cookies
    again = await browser.ask(back)
    assert (again.status, "ehr-sign-in-used" in again.text) == (409, True)


@pytest.mark.parametrize(
    "query", ["", "?state=x", "?state=made-up&code=c", "?state=a&state=b&code=c", "?code=" + "x" * 5000, "?state=%00&code=c"]
)
async def test_a_return_nobody_asked_for_is_refused(h: House, http: aiohttp.ClientSession, query: str) -> None:
    async with http.get(f"{h.origin}/setup/callback{query}", headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        assert answer.status == 400
        assert "internal-error" not in await answer.text()


async def test_who_was_signed_out_at_the_record_has_to_begin_again(setup: Setup, h: House, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    browser = browser_of(http, setup.approver)
    page = await at_the_record(browser, setup, setup.approver)
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.identity.close_session(tx, setup.approver.opened.principal.session)
    back = await signed_in(browser, setup, page, f"Practitioner/{setup.hospital.hospital.book.practitioners[0].id}")
    answer = await browser.ask(back.location)
    assert (answer.status, "ehr-sign-in-over" in answer.text) == (410, True)


async def test_a_stranger_s_page_cannot_send_an_approver_to_the_record(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    browser = browser_of(http, setup.approver)
    where = f"{setup.approver.base}/connections/{setup.connection}/ehr-sign-in"
    assert (await browser.ask(where, headers={"Sec-Fetch-Site": "cross-site"})).status == 403


async def test_a_change_during_the_sign_in_makes_the_proof_worthless(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    browser = browser_of(http, setup.approver)
    page = await at_the_record(browser, setup, setup.approver)
    await setup.keys(patient_client_id="changed")
    await setup.submit()
    back = await signed_in(browser, setup, page, f"Practitioner/{setup.hospital.hospital.book.practitioners[0].id}")
    await browser.follow(back.location)
    assert (await setup.approve())[0] == 403


async def test_a_patient_proves_nothing(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    page = await prove(http, setup, setup.approver, user=f"Patient/{setup.hospital.hospital.book.patients[0].id}")
    assert "That was a patient" in page.text
    assert (await setup.approve())[0] == 403


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"settings": {"oauth": False}}, "“OAUTH2” error"),
        ({"apps": [{"client_id": PROVIDER_CLIENT, "jwks_url": ""}]}, "“OAUTH2” error"),
        ({"apps": [{"client_id": PROVIDER_CLIENT, "redirect_uris": ["http://127.0.0.1:1/launch/callback"]}]}, "“OAUTH2” error"),
        ({"apps": [{"client_id": PROVIDER_CLIENT, "standalone": False}]}, "“OAUTH2” error"),
        ({"apps": [{"client_id": PROVIDER_CLIENT, "jwks_url": "http://127.0.0.1:1/none"}]}, "“OAUTH2” error"),
        ({"settings": {"response_iss": "wrong"}}, "did not come from the EHR that was asked"),
        ({"trouble": {"token": {"mode": "error", "times": 9}}}, "could not be reached"),
        ({"trouble": {"discovery": {"mode": "error", "times": 9}}}, "could not be reached"),
    ],
    ids=[
        "OAuth is off",
        "no keys",
        "redirect not registered",
        "only from the record",
        "our keys not reachable",
        "another issuer",
        "tokens fail",
        "discovery fails",
    ],
)
async def test_what_goes_wrong_at_the_record_is_named_with_cause_and_remedy(
    setup: Setup, http: aiohttp.ClientSession, trouble: dict[str, Any], says: str
) -> None:
    await setup.awaiting()
    setup.hospital.setup(**trouble)
    browser = browser_of(http, setup.approver)
    page = await at_the_record(browser, setup, setup.approver)
    if "Who are you?" in page.text:
        back = await signed_in(browser, setup, page, f"Practitioner/{setup.hospital.hospital.book.practitioners[0].id}")
        await browser.follow(back.location)
    elif page.status in {302, 303}:
        await browser.follow(page.location)
    elif "/approvals/" in page.url:
        assert page.status == 200
    assert says in await approval_page(setup)
    assert (await setup.approve())[0] == 403


async def test_an_approver_without_rights_at_the_record_reads_what_to_do(setup: Setup, http: aiohttp.ClientSession) -> None:
    await setup.awaiting()
    user = setup.hospital.hospital.book.practitioners[0]
    setup.hospital.setup(practitioners=[{"id": user.id, "may_sign_in": False}])
    browser = browser_of(http, setup.approver)
    page = await at_the_record(browser, setup, setup.approver)
    assert (await signed_in(browser, setup, page, f"Practitioner/{user.id}")).status == 403
    assert "Your EHR account may not sign in" in await approval_page(setup)


async def test_an_approval_that_cannot_be_audited_is_not_given(
    setup: Setup, http: aiohttp.ClientSession, owner: asyncpg.Connection
) -> None:
    await setup.awaiting()
    await prove(http, setup, setup.approver)
    await owner.execute("alter table audit_entries rename to audit_gone")
    status, said = await setup.approve()
    assert (status, "act-not-recorded" in said) == (503, True)
    assert await setup.in_force() is None
    assert (await setup.newest()).state is VersionState.AWAITING
    await owner.execute("alter table audit_gone rename to audit_entries")
    assert (await setup.approve())[0] == 303
