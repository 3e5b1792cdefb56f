"""`POST /setup`: all of it or nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice import setup
from practice.hospital import Hospital
from practice.seed import launchable, seed, spread
from practice.store import Store


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Hospital]:
    made = Hospital(tmp_path, base="http://localhost:1", now=time.time)
    seed(made.book, time.time())
    made.store.save()
    yield made
    await made.close()


def test_a_new_visit_gets_its_numbers_from_the_house(house: Hospital) -> None:
    patient, doctor = house.book.patients[0], house.book.practitioners[1]
    touched = setup.apply(house, {"appointments": [{"patient": patient.ept, "practitioner": doctor.emp, "reason": "Cough"}]})
    visit = house.book.appointment(touched["appointments"][0])
    assert visit is not None
    assert (visit.patient, visit.practitioner, visit.reason, visit.status) == (patient.id, doctor.id, "Cough", "booked")
    assert len({visit.csn, visit.conference, visit.id, visit.encounter}) == 4


def test_an_entry_is_changed_by_its_key_and_the_rest_of_it_stays(house: Hospital) -> None:
    visit = house.book.appointments[0]
    setup.apply(house, {"appointments": [{"csn": visit.csn, "status": "cancelled"}]})
    after = house.book.appointment(visit.csn)
    assert after is not None
    assert (after.status, after.start, after.id) == ("cancelled", visit.start, visit.id)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "must be a JSON object"),
        ({"pateints": []}, "not known here: pateints"),
        ({"patients": {}}, "must be a list"),
        ({"patients": [7]}, "must be an object"),
        ({"patients": [{"family": "Alone"}]}, "given"),
        ({"patients": [{"family": "A", "given": "B", "shoe": 1}]}, "has no shoe"),
        ({"patients": [{"family": "A", "given": "B", "birth_date": "soon"}]}, "birth_date"),
        ({"appointments": [{"patient": "nobody", "practitioner": "19"}]}, "no patient"),
        ({"appointments": [{"patient": "Z4575", "practitioner": "nobody"}]}, "no practitioner"),
        ({"appointments": [{"patient": "Z4575", "practitioner": "19", "minutes": 9999}]}, "minutes"),
        ({"settings": {"frame": "sideways"}}, "frame"),
        ({"settings": {"shoe": 1}}, "has no shoe"),
        ({"trouble": {"kitchen": {"mode": "slow"}}}, "no switch for kitchen"),
        ({"trouble": {"status": {"mode": "sad"}}}, "mode"),
        ({"apps": [{"client_id": "has space"}]}, "client_id"),
        ({"apps": [{"client_id": "x", "redirect_uris": ["javascript:alert(1)"]}]}, "redirect_uris"),
        ({"remove": {"settings": []}}, "remove holds lists"),
        ({"remove": {"departments": ["10501101"]}}, "no department"),
        ({"practitioners": [{"family": "A", "given": "B", "emp": "19"}]}, "given to two"),
    ],
)
def test_a_body_with_a_mistake_changes_nothing_and_says_which(house: Hospital, body: Any, says: str) -> None:
    before = setup.view(house)
    good = {"settings": {"frame": "window"}}
    with pytest.raises(setup.BadSetup, match=says):
        setup.apply(house, {**good, **body} if isinstance(body, dict) and "settings" not in body else body)
    assert setup.view(house) == before
    assert Store(house.folder).book == house.book


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=8), c, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(word=st.sampled_from(sorted(setup.WORDS - {"hostile"})), value=JSON)
def test_no_json_breaks_it(house: Hospital, word: str, value: Any) -> None:
    with suppress(setup.BadSetup):  # the one way out beside doing it
        assert set(setup.apply(house, {word: value})) <= setup.WORDS


def test_a_change_is_on_the_disk(house: Hospital, tmp_path: Path) -> None:
    setup.apply(house, {"patients": [{"given": "New", "family": "Person"}]})
    assert [p.family for p in Store(tmp_path).book.patients][-1] == "Person"


def test_a_visit_can_always_be_begun(house: Hospital) -> None:
    now = time.time()
    assert launchable(house.book, now)
    tomorrow = now + 86_400
    assert not launchable(house.book, tomorrow)
    spread(house.book, tomorrow)
    assert launchable(house.book, tomorrow)
    assert len({a.csn for a in house.book.appointments}) == len(house.book.appointments), "a new day has new numbers"
