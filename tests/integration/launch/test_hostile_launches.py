"""Launches that are forged, replayed, late, mixed up or broken: each ends in a calm page with a code, and nobody is let in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from aiohttp import web

from conformance.signing import OTHER_RSA, b64, token
from support.bad_record import CLIENT, BadRecord, bad_record
from support.launching import Browser, Page, World, code_of, world
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.launch import record as record_module
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor


async def last(here: World) -> tuple[str, str]:
    row = (await here.attempts())[-1]
    return row["outcome"], row["code"]


class TestStart:
    @pytest.mark.parametrize(
        "change",
        [
            lambda iss: iss + "/",
            lambda iss: iss[:-1],
            lambda iss: iss.upper(),
            lambda iss: iss.replace("http:", "https:"),
            lambda iss: iss + ".evil.example",
            lambda iss: iss.replace("localhost", "localhost@evil.example"),
            lambda iss: iss.replace("localhost", "127.0.0.1"),
            lambda _: "https://unknown.example/fhir",
            lambda _: "x",
        ],
    )
    async def test_an_iss_that_is_not_exactly_a_registered_one_goes_nowhere(self, here: World, change: Any) -> None:
        page = await here.browser().ask(f"/launch/provider?{urlencode({'iss': change(here.hospital.fhir), 'launch': 'x'})}")
        assert (page.status, code_of(page)) == (404, "launch-unknown-iss")
        assert here.hospital.ledger("discovery") == []  # nobody was asked anything

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "iss=a",
            "launch=b",
            "iss=&launch=b",
            "iss=a&launch=",
            "iss=a&iss=a&launch=b",
            "iss=a&launch=b&launch=b",
            "iss=a&launch=b%0d%0aSet-Cookie:x",
            "iss=a%00&launch=b",
            "iss=a&launch=" + "x" * 8193,
            "iss=" + "a" * 2049 + "&launch=b",
            "iss=a&launch=b&connection=1",
            "&".join(f"a{n}=1" for n in range(50)),
            "iss=%FF%FE&launch=b",
        ],
    )
    async def test_a_launch_of_impossible_form_is_refused(self, here: World, query: str) -> None:
        page = await here.browser().ask(f"/launch/provider?{query}")
        assert code_of(page) in {"launch-incomplete", "launch-unknown-iss"}

    async def test_a_replayed_launch_value_is_refused(self, here: World) -> None:
        url = here.press()
        assert (await here.browser().ask(url)).status == 303
        page = await here.browser().ask(url)
        assert (page.status, code_of(page)) == (409, "launch-used")

    async def test_a_launch_that_died_before_it_left_may_be_tried_again(self, here: World) -> None:
        url = here.press()
        here.hospital.setup(trouble={"discovery": {"mode": "error", "times": 2}})
        page = await here.browser().ask(url)
        assert (page.status, code_of(page)) == (502, "smart-unavailable")
        assert await last(here) == ("failed", "smart-unavailable")
        assert "Amy Shaw" in (await here.browser().follow(url)).text

    async def test_a_button_copied_from_another_environment_is_refused(self, here: World) -> None:
        page = await here.browser().ask(f"{here.press()}&connection={new_id()}")
        assert (page.status, code_of(page)) == (409, "launch-wrong-environment")
        assert "Amy Shaw" in (await here.browser().follow(f"{here.press()}&connection={here.connection.id}")).text

    async def test_of_two_organisations_on_one_record_the_address_must_name_one(self, here: World) -> None:
        other = TenantId(new_id())
        connection = Connection(ConnectionId(new_id()), other, "B", Vendor.EPIC, Environment.TEST, here.hospital.fhir)
        async with here.db.tenant(other) as tx:
            await here.tenancy.add_tenant(tx, name="Birch Clinic")
            await here.tenancy.add_connection(tx, connection)
        assert code_of(await here.browser().ask(here.press())) == "launch-ambiguous"
        assert "Amy Shaw" in (await here.browser().follow(f"{here.press()}&connection={here.connection.id}")).text
        assert code_of(await here.browser().ask(f"{here.press()}&connection={connection.id}")) == "launch-not-set-up"

    async def test_a_patients_launch_value_opens_nothing_at_the_clinicians_address(self, here: World) -> None:
        browser = here.browser()
        begun = await browser.ask(here.press("patient").replace("/launch/patient", "/launch/provider"))
        page = await browser.ask((await browser.ask(begun.location)).location)
        assert code_of(page) == "launch-declined"


class TestCallback:
    async def back(self, here: World, browser: Browser) -> str:
        """The address the record sends the browser back to."""
        return (await browser.ask((await browser.ask(here.press())).location)).location

    async def test_a_forged_state_is_nobodys(self, here: World) -> None:
        page = await here.browser().ask("/launch/callback?code=c&state=forged")
        assert (page.status, code_of(page)) == (400, "launch-unknown")

    @pytest.mark.parametrize("query", ["", "code=c", "state=s", "code=c&state=a&state=b", "code=c&error=e&state=s", "code=%00&state=s"])
    async def test_a_callback_of_impossible_form_is_refused(self, here: World, query: str) -> None:
        assert code_of(await here.browser().ask(f"/launch/callback?{query}")) == "callback-invalid"

    async def test_the_state_of_another_browser_lets_nobody_in_and_uses_nothing_up(self, here: World) -> None:
        victim, attacker = here.browser(), here.browser()
        url = await self.back(here, victim)
        page = await attacker.ask(url)
        assert (page.status, code_of(page)) == (403, "launch-other-browser")
        assert "Amy Shaw" in (await victim.follow(url)).text

    async def test_an_attackers_finished_sign_in_cannot_be_planted_in_another_browser(self, here: World) -> None:
        attacker, victim = here.browser(), here.browser()
        planted = await self.back(here, attacker)
        await self.back(here, victim)  # the victim has a launch of their own under way
        assert code_of(await victim.ask(planted)) == "launch-other-browser"

    async def test_a_callback_works_once(self, here: World) -> None:
        browser = here.browser()
        url = await self.back(here, browser)
        cookies = dict(browser.jar)
        assert (await browser.ask(url)).status == 303
        browser.jar = cookies  # the cookie was taken away; a thief kept a copy
        page = await browser.ask(url)
        assert (page.status, code_of(page)) == (409, "launch-used")
        assert len(here.hospital.ledger("token")) == 1

    async def test_a_launch_lives_ten_minutes(self, db: Database) -> None:
        clock = FrozenClock(datetime.now(UTC))
        async with world(db, clock=clock) as here:
            browser = here.browser()
            url = await self.back(here, browser)
            clock.advance(600)
            page = await browser.ask(url)
            assert (page.status, code_of(page)) == (410, "launch-expired")

    async def test_mix_up_an_answer_in_another_servers_name_sends_the_code_nowhere(self, here: World) -> None:
        here.hospital.setup(settings={"response_iss": "wrong"})
        page = await here.browser().follow(here.press())
        assert (page.status, code_of(page)) == (403, "callback-issuer")
        assert here.hospital.ledger("token") == []

    async def test_mix_up_a_promised_issuer_that_is_missing_is_refused(self, here: World) -> None:
        browser = here.browser()
        url = await self.back(here, browser)
        page = await browser.ask(re.sub(r"&iss=[^&]+", "", url))
        assert code_of(page) == "callback-issuer"

    async def test_code_injection_another_launchs_code_does_not_fit_our_verifier(self, here: World) -> None:
        attacker, victim = here.browser(), here.browser()
        stolen = re.search(r"code=([^&]+)", await self.back(here, attacker))
        assert stolen
        url = await self.back(here, victim)
        page = await victim.ask(re.sub(r"code=[^&]+", f"code={stolen[1]}", url))
        assert (page.status, code_of(page)) == (502, "token-invalid-grant")

    async def test_a_refusal_of_the_record_is_said_calmly_and_its_words_are_not_repeated(self, here: World) -> None:
        browser = here.browser()
        begun = await browser.ask(here.press())
        iss = quote(here.hospital.hospital.at.issuer)
        query = f"error=access_denied&error_description=%3Cscript%3EJane&state={begun.query['state']}&iss={iss}"
        page = await browser.ask(f"/launch/callback?{query}")
        assert code_of(page) == "launch-declined"
        assert "Jane" not in page.text
        assert await last(here) == ("failed", "launch-declined")

    async def test_the_error_page_bears_the_reference_of_its_launch_and_may_be_framed_by_the_record(self, here: World) -> None:
        browser = here.browser(framed=True)
        url = await self.back(here, browser)
        here.hospital.setup(trouble={"token": {"mode": "error", "times": 1}})
        page = await browser.ask(url)
        (row,) = await here.attempts()
        assert row["reference"] in page.text
        assert page.headers["X-Reference"] == row["reference"]
        assert "frame-ancestors 'self' http://localhost:1" in page.headers["Content-Security-Policy"]

    async def test_an_error_page_tells_no_secrets(self, here: World) -> None:
        browser = here.browser()
        url = await self.back(here, browser)
        here.hospital.setup(trouble={"token": {"mode": "error", "times": 1}})
        page = await browser.ask(url)
        for name in ("code", "state"):
            value = re.search(rf"{name}=([^&]+)", url)
            assert value
            assert value[1] not in page.text


@pytest.fixture
async def bad() -> AsyncIterator[BadRecord]:
    async with bad_record() as record:
        yield record


@pytest.fixture
async def there(db: Database, bad: BadRecord) -> AsyncIterator[World]:
    """Our pages, connected to the bad record."""
    options = {"client_auth": ClientAuth.PUBLIC, "provider_client_id": CLIENT, "patient_client_id": CLIENT}
    async with world(db, iss=bad.fhir, **options) as made:
        yield made


def unsigned(claims: dict[str, Any]) -> str:
    return token(claims, None, alg="none") + b64(b"x")


class TestBadRecord:
    async def launch(self, there: World, bad: BadRecord, kind: str = "provider") -> Page:
        return await there.browser().follow(bad.press(there.own, str(new_id()), kind))

    async def test_with_good_answers_it_lets_in(self, there: World, bad: BadRecord) -> None:
        page = await self.launch(there, bad)
        assert "Ann Example" in page.text

    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            ({"aud": "another-app"}, "id-token-audience"),
            ({"aud": [CLIENT, "another-app"]}, "id-token-audience"),
            ({"iss": "https://evil.example"}, "id-token-issuer"),
            ({"nonce": "another"}, "id-token-nonce"),
            ({"nonce": None}, "id-token-nonce"),
            ({"exp": 1_000_000_000}, "id-token-expired"),
            ({"iat": 4_000_000_000}, "id-token-early"),
            ({"sub": None}, "id-token-claim"),
            ({"fhirUser": "https://evil.example/fhir/Practitioner/d1"}, "id-token-user"),
            ({"fhirUser": "Patient/p1"}, "launch-wrong-person"),
            ({"fhirUser": None}, "launch-wrong-person"),
        ],
    )
    async def test_an_id_token_that_does_not_fit_lets_nobody_in(self, there: World, bad: BadRecord, claims: Any, code: str) -> None:
        bad.claims = claims
        assert code_of(await self.launch(there, bad)) == code
        assert await last(there) == ("failed", code)

    @pytest.mark.parametrize(
        ("sign", "code"),
        [
            (unsigned, "jwt-algorithm"),
            (lambda claims: token(claims, b"k" * 32, alg="HS256"), "jwt-algorithm"),
            (lambda claims: token(claims, OTHER_RSA, alg="RS256"), "jwt-signature"),
            (lambda claims: token(claims, OTHER_RSA, alg="RS256", kid="k2"), "jwt-key-unknown"),
            (lambda _: "not.a.token!", "jwt-malformed"),
        ],
    )
    async def test_an_id_token_not_signed_by_the_record_lets_nobody_in(self, there: World, bad: BadRecord, sign: Any, code: str) -> None:
        bad.sign = sign
        assert code_of(await self.launch(there, bad)) == code

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>",
            b"",
            b"[]",
            b'{"access_token":"a","access_token":"b","token_type":"Bearer"}',
            b'{"a":' * 5000,
            b'{"access_token":"at","token_type":"Bearer","x":"' + b"x" * 100_000 + b'"}',
            b'{"access_token":"a\\r\\nb","token_type":"Bearer"}',
        ],
    )
    async def test_an_over_long_deep_or_broken_token_answer_is_refused(self, there: World, bad: BadRecord, body: bytes) -> None:
        bad.instead["/token"] = lambda: web.Response(body=body, content_type="application/json")
        assert code_of(await self.launch(there, bad)) == "token-answer-invalid"

    async def test_a_flood_of_bytes_is_cut_off(self, there: World, bad: BadRecord) -> None:
        bad.instead["/token"] = lambda: web.Response(body=b" " * 3_000_000)
        assert code_of(await self.launch(there, bad)) == "outside-too-large"

    async def test_a_redirect_of_the_token_endpoint_takes_the_code_nowhere(self, there: World, bad: BadRecord) -> None:
        bad.instead["/token"] = lambda: web.Response(status=307, headers={"Location": f"{bad.base}/elsewhere"})
        assert code_of(await self.launch(there, bad)) == "token-refused"
        assert "/elsewhere" not in bad.asked

    async def test_a_token_endpoint_elsewhere_over_plain_http_is_never_called(self, there: World, bad: BadRecord) -> None:
        changed = bad.configuration() | {"token_endpoint": "http://evil.example/token"}
        bad.instead["/fhir/.well-known/smart-configuration"] = lambda: web.json_response(changed)
        assert code_of(await self.launch(there, bad)) == "smart-endpoint-not-allowed"

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            ({"sessionId": None, "encounter": None}, "launch-no-context"),
            ({"sessionId": "%CSN%", "encounter": None}, "launch-no-context"),  # the record did not fill its own token in
            ({"sessionId": "\u0000", "encounter": None}, "launch-no-context"),
            ({"patient": "p2"}, "launch-context-mismatch"),
            ({"patient": "../Patient/p1"}, "fhir-id-invalid"),
            ({"id_token": None}, "id-token-missing"),
        ],
    )
    async def test_a_context_that_does_not_say_one_visit_is_refused(self, there: World, bad: BadRecord, answer: Any, code: str) -> None:
        bad.answer = answer
        bad.resources["Patient/p2"] = {"name": [{"text": "Somebody Else"}]}
        assert code_of(await self.launch(there, bad)) == code

    @pytest.mark.parametrize(
        ("resources", "code"),
        [
            ({"Encounter/e1": {"subject": {"reference": "Patient/p9"}}}, "launch-context-mismatch"),
            ({"Appointment/a1": {"participant": [{"actor": {"reference": "Patient/p9"}}]}}, "launch-context-mismatch"),
            ({"Encounter/e1": {"identifier": [{"system": "urn:oid:1.7.3.698084.8", "value": "9999"}]}}, "launch-context-mismatch"),
            ({"Patient/p1": {"id": "p9"}}, "fhir-answer-invalid"),
            ({"Appointment/a1": {"status": "cancelled"}}, "launch-visit-cancelled"),
            ({"Appointment/a1": {"status": "entered-in-error"}}, "launch-visit-cancelled"),
        ],
    )
    async def test_answers_about_another_patient_or_no_visit_are_refused(
        self, there: World, bad: BadRecord, resources: Any, code: str
    ) -> None:
        bad.resources = resources
        assert code_of(await self.launch(there, bad)) == code

    async def test_without_the_patients_name_there_is_no_provider_launch(self, there: World, bad: BadRecord) -> None:
        bad.instead["/fhir/Patient/p1"] = lambda: web.Response(status=403)
        assert code_of(await self.launch(there, bad)) == "fhir-refused"

    @pytest.mark.parametrize("path", ["/fhir/Encounter/e1", "/fhir/Practitioner/d1", "/fhir/Appointment/a1"])
    async def test_what_the_pages_can_do_without_may_fail(self, there: World, bad: BadRecord, path: str) -> None:
        bad.instead[path] = lambda: web.Response(status=500)
        assert "Ann Example" in (await self.launch(there, bad)).text
        assert '"code"' in (await there.attempts())[-1]["phases"]

    @pytest.mark.parametrize("path", ["/token", "/jwks", "/fhir/Patient/p1"])
    async def test_a_slow_record_meets_a_deadline(self, there: World, bad: BadRecord, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        perform = Http.perform

        async def hurried(door: Http, ask: Ask, *, timeout: float, **limits: Any) -> Answer:
            """What answers has its time; for what never does nobody need wait."""
            assert timeout == record_module._TIMEOUT
            return await perform(door, ask, timeout=0.5 if urlsplit(ask.url).path == path else timeout, **limits)

        monkeypatch.setattr(Http, "perform", hurried)
        bad.silent.add(path)
        page = await self.launch(there, bad)
        assert code_of(page) == "outside-timeout"

    async def test_a_name_that_is_markup_stays_text(self, there: World, bad: BadRecord) -> None:
        bad.resources["Patient/p1"] = {"name": [{"text": "<script>alert(1)</script>\u202e\n"}]}
        page = await self.launch(there, bad)
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text

    async def test_a_relative_of_the_patient_comes_as_a_guest_and_not_as_the_patient(self, there: World, bad: BadRecord) -> None:
        bad.claims = {"fhirUser": "RelatedPerson/r1"}
        page = await self.launch(there, bad, "patient")
        assert page.text.startswith("lobby guest")

    async def test_a_group_visit_meets_by_its_conference(self, there: World, bad: BadRecord) -> None:
        bad.answer = {"conferenceId": "C-1"}
        await self.launch(there, bad)
        assert (await there.visit("conference", "C-1")).id == (await there.visit("csn", "4711")).id
