"""A group visit: the tokens of our own records bring several patients, each with a CSN of their own, into one visit."""

from __future__ import annotations

import pytest

from support.launching import World
from vestibule.records.kinds import pack
from vestibule.visits.model import PersonRole


def tokens(here: World, kind: str) -> str:
    """What the record pack gives the analyst."""
    record = next(one for one in pack(here.connection, here.own) if one.kind == kind)
    field = record.field("context")
    assert field is not None
    return field.value


def book(here: World) -> list[str]:
    """Two patients' appointments of one conference, and launch records as our pack has them; the CSNs."""
    hospital = here.hospital.hospital.book
    shared = {"practitioner": hospital.practitioners[0].id, "conference": "70999"}
    made = here.hospital.setup(appointments=[{**shared, "patient": patient.id} for patient in hospital.patients[:2]])
    contexts = {"provider": tokens(here, "epic-group-provider"), "patient": tokens(here, "epic-group-patient")}
    here.hospital.setup(launches=[{"key": key, "context": context} for key, context in contexts.items()])
    found = [here.hospital.hospital.book.appointment(one) for one in made["touched"]["appointments"]]
    return [one.csn for one in found if one is not None]


async def test_two_patients_and_their_clinician_meet(here: World) -> None:
    first, second = book(here)
    assert first != second
    for kind, csn in (("provider", first), ("patient", first), ("patient", second)):
        page = await here.browser().follow(here.press(kind, csn))
        assert page.status == 200, page.text
    visit = await here.visit("conference", "70999")
    assert sorted(person.role for person in visit.people) == [PersonRole.PATIENT, PersonRole.PATIENT, PersonRole.PROVIDER]
    async with here.db.tenant(here.tenant) as tx:
        names = {(one.system, one.value) for one in await here.visits.identifiers(tx, visit.id)}
    assert {("csn", first), ("csn", second), ("conference", "70999")} <= names


@pytest.mark.parametrize("kind", ["epic-provider", "epic-patient"])
async def test_the_usual_records_bring_each_patient_into_a_visit_of_their_own(here: World, kind: str) -> None:
    who = kind.removeprefix("epic-")
    here.hospital.setup(launches=[{"key": who, "context": tokens(here, kind)}])
    page = await here.browser().follow(here.press(who))
    assert page.status == 200
    assert (await here.visit("csn", here.csn)).people
