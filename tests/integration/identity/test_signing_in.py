"""Staff sign in: over real sockets, with the practice hospital's Microsoft-like sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from support.house import Staff, settings
from support.provider import provider
from support.signing_in import DEVIKA, INGRID, TOMAS, Door, accept, door, pick, press, sid_of, sign_in, to_microsoft
from support.waiting import until
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.wiring import open_parts

START = "/sign-in/start?provider=entra"


@pytest.fixture
async def there(db_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    async with door(db_url, tmp_path) as one:
        yield one


async def test_an_invited_administrator_clicks_the_link_signs_in_and_lands_at_home(there: Door) -> None:
    browser = there.browser()
    page = await accept(browser, await there.invite(INGRID.email), INGRID.oid)
    assert (page.status, page.url.rpartition("/")[2]) == (200, "home"), page.text[:1000]
    people = await browser.ask(f"/s/{sid_of(page)}/people")
    assert people.status == 200
    assert INGRID.name in people.text
    told = [action for action in await there.audited() if action.startswith(("member.", "sign-in."))]
    assert told == ["member.invited", "member.joined", "sign-in.succeeded"]


async def test_who_signs_in_again_needs_no_invitation(there: Door) -> None:
    await accept(there.browser(), await there.invite(INGRID.email), INGRID.oid)
    page = await sign_in(there.browser(), INGRID.oid)
    assert page.url.endswith("/home")


async def test_who_belongs_nowhere_is_told_what_to_do(there: Door) -> None:
    page = await sign_in(there.browser(), TOMAS.oid)
    assert page.status == 403
    assert "belong to no organisation here" in page.text
    assert TOMAS.email in page.text
    assert "invitation" in page.text


async def test_an_invitation_for_another_address_is_refused_and_audited_and_stays_good(there: Door) -> None:
    invitation = await there.invite(INGRID.email.upper())
    page = await accept(there.browser(), invitation, TOMAS.oid)
    assert page.status == 403
    assert "invitation-for-someone-else" in page.text
    assert "sign-in.refused" in await there.audited()
    assert (await accept(there.browser(), invitation, INGRID.oid)).url.endswith("/home")


async def test_a_used_invitation_leads_nowhere(there: Door) -> None:
    invitation = await there.invite()
    await accept(there.browser(), invitation, INGRID.oid)
    page = await there.browser().ask(invitation)
    assert page.status == 410
    assert "invitation-over" in page.text


async def test_looking_at_an_invitation_uses_nothing_up(there: Door) -> None:
    invitation = await there.invite()
    for _ in range(5):
        page = await there.browser().ask(invitation)
        assert page.status == 200
        assert "Alder Clinic" in page.text
    assert (await accept(there.browser(), invitation, INGRID.oid)).url.endswith("/home")


async def test_the_callback_works_once(there: Door) -> None:
    browser = there.browser()
    await accept(browser, await there.invite(), INGRID.oid)
    back = await pick(browser, await to_microsoft(browser, START), INGRID.oid)
    jar = dict(browser.jar)
    assert (await browser.ask(back)).status == 303
    browser.jar = jar  # a browser that had kept its cookie
    again = await browser.ask(back)
    assert again.status == 409
    assert "sign-in-used" in again.text


async def test_nobody_is_signed_in_as_somebody_else_by_a_link(there: Door) -> None:
    mallory, victim = there.browser(), there.browser()
    await accept(there.browser(), await there.invite(), TOMAS.oid)
    back = await pick(mallory, await to_microsoft(mallory, START), TOMAS.oid)
    page = await victim.ask(back)
    assert page.status == 403
    assert "sign-in-other-browser" in page.text
    assert not [name for name, _ in victim.jar if name.startswith("v_")]
    assert (await mallory.ask(back)).status == 303  # the other browser has used nothing up


async def test_answers_of_two_sign_ins_cannot_be_swapped(there: Door) -> None:
    await accept(there.browser(), await there.invite(), INGRID.oid)
    await accept(there.browser(), await there.invite(), TOMAS.oid)
    mine, theirs = there.browser(), there.browser()
    my_way = await pick(mine, await to_microsoft(mine, START), INGRID.oid)
    their_way = await pick(theirs, await to_microsoft(theirs, START), TOMAS.oid)

    def part(url: str, name: str) -> str:
        return next(pair for pair in url.partition("?")[2].split("&") if pair.startswith(f"{name}="))

    injected = my_way.replace(part(my_way, "code"), part(their_way, "code"))  # another's code, my state: PKCE and nonce say no
    page = await mine.ask(injected)
    assert page.status in {403, 502}
    assert "sign-in-failed" in page.text or "sign-in-not-trusted" in page.text
    swapped = their_way.replace(part(their_way, "state"), part(my_way, "state"))
    assert (await theirs.ask(swapped)).status == 403


async def test_a_sign_in_that_took_too_long_is_over(there: Door, owner: asyncpg.Connection) -> None:
    browser = there.browser()
    back = await pick(browser, await to_microsoft(browser, START), INGRID.oid)
    await owner.execute("update sign_ins set expires_at = now() - interval '1 second'")
    page = await browser.ask(back)
    assert page.status == 410
    assert "sign-in-expired" in page.text


@pytest.mark.parametrize(
    "query", ["", "?code=a", "?state=b", "?code=a&state=b", "?code=a&state=b&state=c", "?error=x&state=%00", "?" + "a=1&" * 60]
)
async def test_nonsense_at_the_callback_is_an_unknown_sign_in(there: Door, query: str) -> None:
    page = await there.browser().ask(f"/sign-in/callback{query}")
    assert page.status == 400
    assert "sign-in-unknown" in page.text


async def test_the_answer_to_one_provider_is_not_taken_at_the_address_of_another(there: Door) -> None:
    browser = there.browser()
    await accept(there.browser(), await there.invite(), INGRID.oid)
    back = await pick(browser, await to_microsoft(browser, START), INGRID.oid)
    page = await browser.ask(back.replace("/sign-in/callback?", "/sign-in/callback/oidc?"))
    assert page.status == 403
    assert "sign-in-not-trusted" in page.text


async def test_who_cancels_is_told_so(there: Door) -> None:
    browser = there.browser()
    page = await browser.follow(await pick(browser, await to_microsoft(browser, START), "cancel"))
    assert page.status == 403
    assert "sign-in-declined" in page.text


@pytest.mark.parametrize("fault", ["nonce", "audience", "issuer", "tenant", "expired", "signature"])
async def test_a_token_with_a_fault_signs_nobody_in(there: Door, fault: str) -> None:
    await accept(there.browser(), await there.invite(), INGRID.oid)
    there.hospital.setup(settings={"id_token_fault": fault})
    browser = there.browser()
    page = await sign_in(browser, INGRID.oid)
    assert page.status == 403
    assert "sign-in-not-trusted" in page.text
    assert not [name for name, _ in browser.jar if name.startswith("v_")]


async def test_a_sign_in_service_that_is_down_is_said_calmly(there: Door) -> None:
    there.hospital.setup(trouble={"microsoft": {"mode": "error"}})
    page = await there.browser().ask(START)
    assert page.status == 502
    assert "sign-in-unavailable" in page.text


@pytest.mark.parametrize(
    ("to", "page"),
    [
        ("connections", "connections"),
        ("connections/0190-ab/keys", "connections/0190-ab/keys"),
        ("https://evil.example/", "home"),
        ("//evil.example", "home"),
        ("/\\evil.example", "home"),
        ("..%2f..%2fevil", "home"),
        ("people?x=1", "home"),
        ("people%0d%0aSet-Cookie:x=1", "home"),
    ],
)
async def test_the_way_back_leads_only_to_pages_of_ours(there: Door, to: str, page: str) -> None:
    await accept(there.browser(), await there.invite(), INGRID.oid)
    browser = there.browser()
    back = await pick(browser, await to_microsoft(browser, f"{START}&to={to}"), INGRID.oid)
    location = (await browser.ask(back)).location
    assert location.startswith("/s/")
    assert location.split("/", 3)[3] == page


async def test_an_organisation_may_let_in_its_own_directory_only(there: Door, owner: asyncpg.Connection) -> None:
    await accept(there.browser(), await there.invite(), INGRID.oid)
    await accept(there.browser(), await there.invite(), TOMAS.oid)
    await owner.execute("update tenants set entra_tenant = $1", INGRID.tid)
    assert (await sign_in(there.browser(), INGRID.oid)).url.endswith("/home")
    page = await sign_in(there.browser(), TOMAS.oid)
    assert page.status == 403
    assert "sign-in-wrong-directory" in page.text
    assert (await there.audited())[-1] == "sign-in.refused"
    invited = await accept(there.browser(), await there.invite(), TOMAS.oid)
    assert "sign-in-wrong-directory" in invited.text


async def test_nobody_locks_themselves_out_by_naming_another_directory(there: Door, owner: asyncpg.Connection) -> None:
    browser, by_another_way = there.browser(), await there.house.staff({StaffRole.ADMINISTRATOR})
    base = sid_of(await accept(browser, await there.invite(), INGRID.oid))
    form = {"name": "Alder Clinic", "support_phone": "", "idle_minutes": ""}
    refused = await press(browser, f"/s/{base}/organisation", form | {"entra_tenant": TOMAS.tid})
    assert refused.status == 400
    assert 'href="#f-entra_tenant"' in refused.text
    assert "You signed in from another Microsoft directory" in refused.text
    malformed = await press(browser, f"/s/{base}/organisation", form | {"entra_tenant": "alder.example"})
    assert (malformed.status, "in small letters" in malformed.text) == (400, True)
    assert await owner.fetchval("select entra_tenant from tenants") == ""
    assert (await press(browser, f"/s/{base}/organisation", form | {"entra_tenant": INGRID.tid.upper()})).status == 303
    assert (await sign_in(there.browser(), INGRID.oid)).url.endswith("/home")
    assert (await press(browser, f"/s/{base}/organisation", form | {"entra_tenant": ""})).status == 303
    assert (await by_another_way.post_form("organisation", form | {"entra_tenant": TOMAS.tid}))[0] == 303


async def test_a_person_of_several_organisations_chooses_and_changes(there: Door) -> None:
    birch = await there.house.organisation("Birch Hospital")
    await accept(there.browser(), await there.invite(), INGRID.oid)
    await accept(there.browser(), await there.invite(tenant=birch), INGRID.oid)
    browser = there.browser()
    page = await sign_in(browser, INGRID.oid)
    assert page.url.endswith("/sign-in/organisations")
    assert "Alder Clinic" in page.text
    assert "Birch Hospital" in page.text
    assert "Birch" not in (await browser.ask("/sign-in/organisations?search=alder")).text
    chosen = await press(browser, "/sign-in/organisations", {"organisation": str(birch)})
    assert chosen.status == 303
    first = sid_of(chosen.location)
    home = await browser.ask(chosen.location)
    assert home.status == 200
    assert (await press(browser, "/sign-in/organisations", {"organisation": str(birch)})).status == 410  # one sign-in, one choice
    assert "Alder Clinic" in (await browser.ask(f"/s/{first}/organisations")).text
    switched = await press(browser, f"/s/{first}/organisations-switch", {"organisation": str(there.house.tenant)})
    assert switched.status == 303
    assert (await browser.ask(switched.location)).status == 200
    assert (await browser.ask(f"/s/{first}/home")).status == 401


async def test_nobody_chooses_an_organisation_they_do_not_belong_to(there: Door) -> None:
    birch, cedar = await there.house.organisation("Birch"), await there.house.organisation("Cedar")
    await accept(there.browser(), await there.invite(), INGRID.oid)
    await accept(there.browser(), await there.invite(tenant=birch), INGRID.oid)
    browser = there.browser()
    await sign_in(browser, INGRID.oid)
    for other in (cedar, TenantId(new_id())):
        page = await press(browser, "/sign-in/organisations", {"organisation": str(other)})
        assert page.status == 403
        assert "sign-in-not-a-member" in page.text
    chosen = await press(browser, "/sign-in/organisations", {"organisation": str(birch)})
    refused = await press(browser, f"/s/{sid_of(chosen.location)}/organisations-switch", {"organisation": str(cedar)})
    assert refused.status == 403
    assert await there.audited(tenant=cedar) == []


async def test_a_choice_belongs_to_the_browser_that_signed_in(there: Door) -> None:
    birch = await there.house.organisation("Birch")
    await accept(there.browser(), await there.invite(), INGRID.oid)
    await accept(there.browser(), await there.invite(tenant=birch), INGRID.oid)
    await sign_in(there.browser(), INGRID.oid)
    other = there.browser()
    assert (await other.ask("/sign-in/organisations")).status == 410
    assert (await press(other, "/sign-in/organisations", {"organisation": str(birch)})).status == 410


async def test_signing_out_ends_the_session_and_says_so(there: Door) -> None:
    browser = there.browser()
    home = await accept(browser, await there.invite(), INGRID.oid)
    sid = sid_of(home)
    jar = dict(browser.jar)
    out = await press(browser, f"/s/{sid}/sign-out")
    assert (out.status, out.location) == (303, "/signed-out")
    assert "You are signed out" in (await browser.ask("/signed-out")).text
    assert not [name for name, _ in browser.jar if name.startswith("v_")]
    browser.jar = jar  # another window that still has the cookie
    other = await browser.ask(f"/s/{sid}/people")
    assert other.status == 401
    assert "/sign-in?to=people" in other.text
    assert "session.signed-out" in await there.audited()


async def test_another_sites_form_signs_nobody_out_and_chooses_nothing(there: Door) -> None:
    browser = there.browser()
    sid = sid_of(await accept(browser, await there.invite(), INGRID.oid))
    for path in (f"/s/{sid}/sign-out", f"/s/{sid}/people/invite", f"/s/{sid}/organisations-switch", "/sign-in/organisations"):
        page = await press(browser, path, {"organisation": str(new_id())}, Origin="https://evil.example")
        assert page.status == 403
        assert "cross-site-request" in page.text
    assert (await browser.ask(f"/s/{sid}/people")).status == 200


async def test_pages_of_staff_may_not_be_framed(there: Door) -> None:
    browser = there.browser()
    sid = sid_of(await accept(browser, await there.invite(), INGRID.oid))
    for path in (f"/s/{sid}/people", f"/s/{sid}/programs", "/sign-in", "/signed-out", await there.invite()):
        page = await browser.ask(path)
        assert page.headers["X-Frame-Options"] == "DENY", path
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"], path


async def test_the_cookies_of_a_sign_in_are_for_pages_of_their_own(there: Door) -> None:
    browser = there.browser()
    async with there.session.get(f"{there.origin}{START}", allow_redirects=False) as answer:
        line = answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in line
    assert {"HttpOnly", "Secure", "Path=/sign-in", "Max-Age=600"} <= set(line.split("; "))
    assert browser.jar == {}


async def test_an_unknown_way_to_sign_in_is_said_calmly(there: Door) -> None:
    page = await there.browser().ask("/sign-in/start?provider=myspace")
    assert page.status == 404
    assert "sign-in-unknown-provider" in page.text


async def test_the_sign_in_page_has_a_button_for_each_way(there: Door) -> None:
    page = await there.browser().ask("/sign-in?to=people")
    assert "Sign in with Microsoft" in page.text
    assert "to=people" in page.text


async def test_a_session_keeps_alive_by_a_person_only(there: Door, owner: asyncpg.Connection) -> None:
    member: Staff = await there.house.staff({StaffRole.AUDITOR})
    await owner.execute("update sessions set idle_seconds = 900, last_seen_at = now() - interval '10 minutes'")
    there.house.parts.identity._cache.clear()
    status, text = await member.get("session")
    assert (status, 0 < int(text.split(":")[1].strip("}")) <= 300) == (200, True)
    status, text = await member.post_form("keep-alive")
    assert (status, int(text.split(":")[1].strip("}")) > 890) == (200, True)


async def test_names_from_the_sign_in_are_text_on_every_page(there: Door) -> None:
    name = "<img src=x onerror=alert(1)>\"'&"
    there.hospital.setup(people_accounts=[{"oid": DEVIKA.oid, "tid": DEVIKA.tid, "name": name, "user_name": DEVIKA.user_name}])
    browser = there.browser()
    sid = sid_of(await accept(browser, await there.invite(), DEVIKA.oid))
    page = await browser.ask(f"/s/{sid}/people")
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text


async def test_signing_out_on_one_node_ends_the_session_and_its_token_on_the_other(there: Door, db_url: str, tmp_path: Path) -> None:
    member = await there.house.staff({StaffRole.ADMINISTRATOR})
    secret = await there.house.program({StaffRole.AUDITOR})
    sid, cookie = member.opened.principal.session, member.cookie.value
    async with open_parts(settings(1, tmp_path), db_url) as other:
        assert await other.identity.prove(other.db, sid, cookie) is not None
        assert await other.tokens.prove(other.db, secret) is not None
        assert (await member.post_form("sign-out"))[0] == 303
        async with there.house.parts.db.tenant(there.house.tenant) as tx:
            token = (await there.house.parts.tokens.listing(tx)).items[0].id
            await there.house.parts.tokens.withdraw(tx, token, SYSTEM)

        async def over() -> bool:
            return await other.identity.prove(other.db, sid, cookie) is None and await other.tokens.prove(other.db, secret) is None

        await until(over, what="the other node has heard of both")


async def test_a_sign_in_that_cannot_be_audited_lets_nobody_in(there: Door, owner: asyncpg.Connection) -> None:
    await accept(there.browser(), await there.invite(INGRID.email), INGRID.oid)
    before = await owner.fetchval("select count(*) from sessions")
    await owner.execute("alter table audit_entries rename to audit_gone")
    page = await sign_in(there.browser(), INGRID.oid)
    assert (page.status, "act-not-recorded" in page.text) == (503, True)
    assert await owner.fetchval("select count(*) from sessions") == before
    await owner.execute("alter table audit_gone rename to audit_entries")
    assert (await sign_in(there.browser(), INGRID.oid)).url.endswith("/home")


async def test_both_ways_lead_in_and_neither_answers_for_the_other(db_url: str, tmp_path: Path) -> None:
    async with provider() as other:
        own = {"VESTIBULE_OIDC_ISSUER": other.base, "VESTIBULE_OIDC_CLIENT_ID": "vestibule", "VESTIBULE_OIDC_NAME": "Alder sign-on"}
        async with door(db_url, tmp_path, own) as there:
            page = await there.browser().ask("/sign-in")
            assert page.text.index("Sign in with Microsoft") < page.text.index("Sign in with Alder sign-on")
            browser = there.browser()
            came = await browser.follow((await there.invite()).replace("/invitation/", "/sign-in/start?provider=oidc&invitation="))
            assert came.url.endswith("/home"), came.text[:500]
            assert other.told[0]["redirect_uri"].endswith("/sign-in/callback/oidc")
            start = await browser.ask("/sign-in/start?provider=oidc")
            async with there.session.get(start.location, allow_redirects=False) as answer:
                back = answer.headers["Location"]
            mixed = await browser.ask(back.replace("/sign-in/callback/oidc?", "/sign-in/callback?"))
            assert mixed.status == 403
            assert "sign-in-not-trusted" in mixed.text
            assert len(other.asked) == 1  # the second code was traded by nobody
