"""The page from which a clinician texts the link: whom, to which number, in which words, and what stands against it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support.texting import Texting, texting
from vestibule.errors import Conflict, TooMany
from vestibule.kit.ids import new_id
from vestibule.messages.model import MessageState, Status
from vestibule.platform.db import Database
from vestibule.visits.service import Contact

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
async def here(db: Database) -> AsyncIterator[Texting]:
    async with texting(db) as one:
        yield one


async def test_the_page_shows_whom_it_goes_to_and_how_it_reads_and_only_the_end_of_the_number(here: Texting) -> None:
    page = await here.ask()
    assert page.status == 200
    assert "Amy Shaw" in page.text
    assert "••• 0142" in page.text
    assert "555014" not in page.text
    assert "11:30" in page.text.replace("\u202f", " ")
    assert "Alder Clinic: your video visit is ready. Join here: " in page.text
    assert "su cita por video" in page.text
    assert "Sent as 1 text." in page.text
    assert 'name="number" value="known" checked' in page.text


async def test_sending_leads_back_to_the_page_and_uses_the_number_of_the_appointment(here: Texting) -> None:
    sent = await here.ask(number="known", language="es")
    assert (sent.status, sent.location) == (303, here.path)
    assert here.planner.asked == [{"visit": here.visit, "participant": here.patient, "phone": "", "language": "es", "by": "visitor"}]
    page = await here.ask()
    assert "About to be sent" in page.text
    assert f'data-again="{here.path}"' in page.text


@pytest.mark.parametrize(
    ("typed", "number"),
    [("(608) 555-0177", "+16085550177"), ("608.555.0177", "+16085550177"), ("+49 30 1234567", "+49301234567")],
)
async def test_a_typed_number_is_used_once_and_kept_only_when_that_is_wanted(here: Texting, typed: str, number: str) -> None:
    await here.ask(number="typed", phone=typed)
    assert here.planner.asked[-1]["phone"] == number
    assert await here.contact() == Contact("+16085550142")
    await here.ask(number="typed", phone=typed, keep="yes")
    assert await here.contact() == Contact(number)


@pytest.mark.parametrize("typed", ["", " ", "12", "call me", "555-01", "9" * 39, "<script>", "+0"])
async def test_what_is_no_number_is_said_beside_the_form_and_nothing_is_sent(here: Texting, typed: str) -> None:
    page = await here.ask(number="typed", phone=typed)
    assert page.status == 400
    assert "no complete telephone number" in page.text
    assert 'aria-invalid="true"' in page.text
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert here.planner.asked == []


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Conflict("message-opted-out", "This number has asked not to be texted.", phase="messages.direct"), 409),
        (TooMany("message-direct-too-many", "This has been sent several times just now. Wait a little.", phase="messages.direct"), 429),
    ],
    ids=["opted out", "too many"],
)
async def test_a_refusal_is_said_on_the_page_and_a_kept_number_is_not_kept(here: Texting, refusal: Conflict, status: int) -> None:
    here.planner.refuses = refusal
    page = await here.ask(number="typed", phone="608 555 0177", keep="yes")
    assert page.status == status
    assert refusal.sentence in page.text
    assert await here.contact() == Contact("+16085550142")


async def test_a_number_that_said_stop_is_marked_and_another_is_asked_for(here: Texting) -> None:
    here.planner.stopped.add(here.patient)
    page = await here.ask()
    assert "wants no texts" in page.text
    assert re.search(r'value="known"[^>]* disabled', page.text)
    assert 'value="typed" checked' in page.text


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (MessageState.ACCEPTED, None, ["Sent"]),
        (MessageState.DELIVERED, Status.SENT, ["Delivered"]),
        (MessageState.FAILED, Status.UNREACHABLE, ["Not delivered", "The telephone cannot be reached."]),
        (MessageState.FAILED, Status.BLOCKED_BY_RECIPIENT, ["Not delivered", "does not want texts"]),
        (MessageState.UNKNOWN, None, ["Nobody knows", "not sent again by itself"]),
    ],
)
async def test_what_became_of_it_is_said_in_words(here: Texting, state: MessageState, status: Status | None, words: list[str]) -> None:
    await here.ask(number="known")
    here.planner.sent[0] = replace(here.planner.sent[0], state=state, status=status, sent_at=datetime.now(UTC))
    page = await here.ask()
    assert all(word in page.text for word in words)
    assert ("data-again" in page.text) == (state is MessageState.ACCEPTED)


async def test_why_we_did_not_send_it_ourselves_is_said(here: Texting) -> None:
    await here.ask(number="known")
    here.planner.sent[0] = replace(here.planner.sent[0], state=MessageState.FAILED, status=Status.OTHER, code="message-prefix-excluded")
    assert "Texts to such numbers are not sent from here." in (await here.ask()).text


async def test_where_nobody_is_set_up_the_page_says_so_and_has_no_form(db: Database) -> None:
    async with texting(db, set_up=False) as here:
        page = await here.ask()
        assert "Nobody is set up to send texts." in page.text
        assert "<form" not in page.text


async def test_without_a_number_one_is_asked_for_and_the_patients_language_is_chosen(db: Database) -> None:
    async with texting(db, phone="", language="ko-KR") as here:
        page = await here.ask()
        assert 'type="hidden" name="number" value="typed"' in page.text
        assert 'value="ko" checked' in page.text


async def test_a_visit_of_the_same_board_can_be_texted_and_no_other(db: Database) -> None:
    async with AsyncExitStack() as stack:
        here, elsewhere = [await stack.enter_async_context(texting(db)) for _ in range(2)]
        neighbour = await here.another(here.department)
        page = await here.ask(f"{here.path}/{neighbour.id}")
        assert page.status == 200
        assert "Theodor Brandt" in page.text
        sent = await here.ask(f"{here.path}/{neighbour.id}", number="typed", phone="608 555 0177")
        assert sent.location == f"{here.path}/{neighbour.id}"
        assert here.planner.asked[-1]["visit"] == neighbour.id
        async with db.tenant(here.tenant) as tx:
            other = await here.office.tenancy.add_department(tx, name="Dermatology", zone="UTC", external="2")
        stranger = await here.another(other.id, "1901")
        for visit in (stranger.id, elsewhere.visit, new_id()):
            assert (await here.ask(f"{here.path}/{visit}")).status == 404
            assert (await here.ask(f"{here.path}/{visit}", number="typed", phone="608 555 0177")).status == 404


async def test_nothing_is_sent_about_a_visit_that_is_over(here: Texting) -> None:
    async with here.db.tenant(here.tenant) as tx:
        await here.visits.cancel(tx, here.visit, reason="cancelled")
    page = await here.ask()
    assert "This visit is over" in page.text
    assert "<form" not in page.text


async def test_nobody_without_the_sessions_cookie_sees_anything(here: Texting) -> None:
    here.cookie.clear()
    assert (await here.ask()).status == 401
    assert (await here.ask(number="known")).status == 401
