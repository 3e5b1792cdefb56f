"""The button that texts the patient: the clinicians' launch, which ends on the page for that and knows the number."""

from __future__ import annotations

import pytest

from support.launching import World
from vestibule.visits.contacts import Contact
from vestibule.visits.model import EventKind, PersonRole, PersonState, VisitState

CONTEXT = "sessionId=%CSN%&departmentId=%PERFDEPID%&patientPhone=%PATMOBILE%"


def enter(here: World, context: str = CONTEXT, opens: str = "text") -> None:
    here.hospital.setup(
        launches=[
            {
                "key": "direct-sms",
                "kind": "direct-sms",
                "client_id": here.connection.provider_client_id,
                "url": f"{here.own}/launch/provider?connection={here.connection.id}&open={opens}",
                "context": context,
            }
        ]
    )


async def contact(here: World) -> Contact | None:
    visit = await here.visit("csn", here.csn)
    async with here.db.tenant(here.tenant) as tx:
        found = await here.visits.contacts.of_visit(tx, visit.id)
    return found[0].contact if found else None


async def test_it_ends_on_the_text_page_with_the_patients_number_and_nobody_is_in_the_visit(here: World) -> None:
    enter(here)
    page = await here.browser().follow(here.press("direct-sms"))
    assert page.text.startswith("text clinician")
    assert await contact(here) == Contact(phone="+16085550142")
    visit = await here.visit("csn", here.csn)
    assert visit.state is VisitState.SCHEDULED
    assert {(p.role, p.state) for p in visit.people} == {
        (PersonRole.PROVIDER, PersonState.EXPECTED),
        (PersonRole.PATIENT, PersonState.EXPECTED),
    }


async def test_a_number_stands_in_no_address_event_or_attempt(here: World) -> None:
    enter(here)
    browser = here.browser()
    url = here.press("direct-sms")
    seen = [url]
    for _ in range(6):
        page = await browser.ask(url)
        if page.status not in {302, 303}:
            break
        url = page.location
        seen.append(url)
    assert not any("5550142" in one or "555-0142" in one for one in seen)
    visit = await here.visit("csn", here.csn)
    async with here.db.tenant(here.tenant) as tx:
        events = await here.visits.events(tx, visit.id)
        rows = [str(dict(row)) for row in await tx.fetch("select * from launches")]
    assert any(one.kind is EventKind.CONTACT_NOTED for one in events)
    assert not any("0142" in str(one.body) for one in events)
    assert not any("0142" in row for row in rows)


@pytest.mark.parametrize("phone", ["", "none", "12", "%PATCELL%", "call the desk"])
async def test_what_is_no_number_is_passed_over(here: World, phone: str) -> None:
    enter(here, CONTEXT.replace("%PATMOBILE%", phone))
    page = await here.browser().follow(here.press("direct-sms"))
    assert page.text.startswith("text clinician")
    assert await contact(here) is None


async def test_what_else_is_known_of_the_patient_stays(here: World) -> None:
    await here.browser().follow(here.press())
    visit = await here.visit("csn", here.csn)
    patient = next(p for p in visit.people if p.role is PersonRole.PATIENT)
    async with here.db.tenant(here.tenant) as tx:
        await here.visits.contacts.note(tx, visit.id, patient.id, Contact("", "amy@example.org", "es"))
    enter(here)
    await here.browser().follow(here.press("direct-sms"))
    assert await contact(here) == Contact("+16085550142", "amy@example.org", "es")


async def test_another_word_behind_open_ends_in_the_visit(here: World) -> None:
    enter(here, opens="sms")
    assert "/confirm" in (await here.browser().follow(here.press("direct-sms"))).url
