"""The history of launches: whoever could not come in is found there, by the reference they read out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest

from support.approving import Office, content
from support.launching import World
from vestibule.errors import NotFound
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.launch.history import Attempted, Filter, Outcome, spoken
from vestibule.platform.audit import SYSTEM
from vestibule.tenancy.model import Connection, Environment


async def found(here: World, wanted: Filter = Filter(), tenant: TenantId | None = None) -> list[Attempted]:  # noqa: B008  frozen
    async with here.db.tenant(tenant or here.tenant) as tx:
        return (await here.launches.history.listing(tx, wanted)).items


async def press(here: World, kind: str = "provider", **fields: str) -> tuple[int, str]:
    """Open a launch address; the status and the reference on the page."""
    page = await here.browser().ask(f"/launch/{kind}?{urlencode(fields)}")
    return page.status, page.headers["X-Reference"]


async def production(here: World, tenant: TenantId | None = None, iss: str = "http://localhost:1/production") -> Connection:
    """Another connection of the same organisation."""
    made = replace(
        here.connection,
        id=ConnectionId(new_id()),
        name="Production",
        environment=Environment.PRODUCTION,
        iss=iss,
        tenant=tenant or here.tenant,
    )
    async with here.db.tenant(made.tenant) as tx:
        await here.tenancy.add_connection(tx, made)
    return made


async def test_a_launch_that_brought_somebody_in_has_its_phases_with_times(here: World) -> None:
    page = await here.browser().follow(here.press())
    assert page.status == 200
    [one] = await found(here)
    assert (one.outcome, one.code, one.connection_name) == (Outcome.JOINED, "", "Practice hospital")
    assert one.visit is not None
    assert one.seconds is not None
    assert [step["phase"] for step in one.phases][:3] == ["launch.discovery", "launch.token", "launch.id-token"]
    assert all(step["at"].endswith("+00:00") and step["ms"] >= 0 for step in one.phases)


async def test_a_refused_press_is_written_down_under_the_connection_it_is_about(here: World) -> None:
    other = await production(here)
    iss, named = here.connection.iss, str(here.connection.id)
    cases = [
        ("launch-wrong-environment", {"iss": iss, "launch": "a", "connection": str(other.id)}),
        ("launch-unknown-iss", {"iss": "https://nobody.example/fhir", "launch": "a", "connection": named}),
    ]
    for code, fields in cases:
        status, reference = await press(here, **fields)
        assert status in {404, 409}
        [one] = await found(here, Filter(reference=reference))
        assert (one.code, one.outcome, one.phase) == (code, Outcome.FAILED, "launch.start")
        assert [step["code"] for step in one.phases] == [code]


async def test_a_button_pressed_twice_and_one_that_is_not_set_up_are_found(here: World) -> None:
    url = here.press()
    await here.browser().ask(url)
    again = await here.browser().ask(url)
    assert again.status == 409
    [one] = await found(here, Filter(reference=again.headers["X-Reference"]))
    assert one.code == "launch-used"
    bare = replace(here.connection, patient_client_id="")
    async with here.db.tenant(here.tenant) as tx:
        await here.tenancy.add_connection(tx, bare)
    here.launches.finder.forget()
    _, reference = await press(here, "patient", iss=bare.iss, launch="b")
    assert [one.code for one in await found(here, Filter(reference=reference))] == ["launch-not-set-up"]


async def test_an_address_that_several_organisations_share_is_told_to_each(here: World) -> None:
    neighbour = TenantId(new_id())
    async with here.db.tenant(neighbour) as tx:
        await here.tenancy.add_tenant(tx, name="Birch Hospital")
    await production(here, neighbour, here.connection.iss)
    here.launches.finder.forget()
    _, reference = await press(here, iss=here.connection.iss, launch="a")
    for tenant in (here.tenant, neighbour):
        assert [one.code for one in await found(here, Filter(reference=reference), tenant)] == ["launch-ambiguous"]


async def test_a_press_before_approval_is_found_under_the_connection_that_waits(here: World) -> None:
    waiting = "https://waiting.example/api/FHIR/R4"
    approvals = Office().approvals
    async with here.db.tenant(here.tenant) as tx:
        version = await approvals.start(tx, content(iss=waiting), by=SYSTEM)
    for more in ({}, {"connection": str(version.connection)}):
        status, reference = await press(here, iss=waiting, launch="a", **more)
        assert status == 409
        [one] = await found(here, Filter(reference=reference))
        assert (one.code, one.connection) == ("launch-not-approved", version.connection)


async def test_who_cannot_be_named_leaves_nothing_behind(here: World) -> None:
    status, _ = await press(here, iss="https://nobody.example/fhir", launch="a")
    assert status == 404
    assert await found(here) == []


async def test_a_return_in_another_browser_is_noted_and_the_launch_goes_on(here: World) -> None:
    mine, theirs = here.browser(), here.browser()
    left = await mine.ask(here.press())
    back = await mine.ask(left.location)
    assert (await theirs.ask(back.location)).status == 403
    [one] = await found(here)
    assert (one.outcome, one.codes) == (Outcome.UNDER_WAY, ("launch-other-browser",))
    assert (await mine.ask(back.location)).status == 303
    assert (await found(here))[0].outcome is Outcome.JOINED


@pytest.mark.parametrize("said", ["7qk-2md-r4t", " 7QK 2MD R4T ", "7QK2MDR4T", "7qk_2md.r4t"])
def test_a_reference_is_known_however_it_is_spoken(said: str) -> None:
    assert spoken(said) == "7QK-2MD-R4T"


def test_letters_that_no_reference_has_are_read_as_the_digits_they_look_like() -> None:
    assert spoken("OIL-2md-r4t") == "011-2MD-R4T"
    assert spoken("no reference") == "NO REFERENCE"


async def test_filters_and_pages(here: World) -> None:
    other = await production(here)
    for n in range(5):
        await press(here, iss=here.connection.iss, launch=f"a{n}", connection=str(other.id))
    await here.browser().follow(here.press())
    joined, failed = Filter(outcome=Outcome.JOINED), Filter(outcome=Outcome.FAILED)
    assert len(await found(here, joined)) == 1
    assert len(await found(here, failed)) == 5
    assert len(await found(here, Filter(code="launch-wrong-environment"))) == 5
    assert len(await found(here, Filter(connection=other.id))) == 5
    async with here.db.tenant(here.tenant) as tx:
        history = here.launches.history
        assert await history.codes(tx) == ["launch-wrong-environment"]
        days = sorted({one.started_at.date() for one in (await history.listing(tx, Filter())).items})  # two, around midnight
        assert sum([len((await history.listing(tx, Filter(day=day))).items) for day in days]) == 6
        assert (await history.listing(tx, Filter(day=days[-1] + timedelta(days=1)))).items == []
        assert (await history.listing(tx, Filter(day=date(1, 1, 1)))).items == []
        seen, after = [], ""
        while True:
            part = await history.listing(tx, Filter(), after=after, limit=2)
            seen += [one.id for one in part.items]
            after = part.next
            if not after:
                break
        assert len(seen) == len(set(seen)) == 6
        assert (await history.listing(tx, Filter(), after="bogus")).items[0].id == seen[0]


async def test_another_organisation_sees_nothing_of_it(here: World) -> None:
    await here.browser().follow(here.press())
    [one] = await found(here)
    stranger = TenantId(new_id())
    assert await found(here, tenant=stranger) == []
    async with here.db.tenant(stranger) as tx:
        with pytest.raises(NotFound):
            await here.launches.history.one(tx, one.id)
