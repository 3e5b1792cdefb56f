"""The history's pages over sockets: found by what was read out, shown to those who mend it, and to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest

from support.house import House, house
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import new_id
from vestibule.visits.model import PersonRole

READERS = {StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER}


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


async def attempt(
    here: House, owner: asyncpg.Connection, code: str = "", *, ago: timedelta = timedelta(0), reference: str = "7QK-2MD-R4T"
) -> UUID:
    """One in the history."""
    launch, began = new_id(), datetime.now(UTC) - ago
    phases = [{"phase": "launch.discovery", "at": began.isoformat(), "ms": 41.2}, {"phase": "launch.token", "ms": 7, "code": code}]
    await owner.execute(
        "insert into launches (tenant_id, id, connection_id, kind, reference, started_at, expires_at, ended_at, outcome, code, phases)"
        " values ($1, $2, $3, 'patient', $4, $5, $6, $7, $8, $9, $10)",
        here.tenant,
        launch,
        here.connection.id,
        reference,
        began,
        began + timedelta(minutes=10),
        began + timedelta(seconds=4) if code else None,
        "failed" if code else "open",
        code,
        msgspec.json.encode(phases).decode(),
    )
    return launch


@pytest.mark.parametrize("role", list(StaffRole))
async def test_only_those_who_mend_launches_see_them(here: House, owner: asyncpg.Connection, role: StaffRole) -> None:
    one, who = await attempt(here, owner, "launch-used"), await here.staff({role})
    for page in ("launches", f"launches/{one}"):
        assert (await who.get(page))[0] == (200 if role in READERS else 403)


async def test_neither_visitors_nor_other_organisations_see_any(here: House, owner: asyncpg.Connection) -> None:
    one, visitor = await attempt(here, owner, "launch-used", reference="AAA-AAA-AAA"), await here.come(PersonRole.PATIENT, "Someone")
    assert (await visitor.get("launches"))[0] == 403
    stranger = await here.staff(READERS, tenant=await here.organisation())
    assert (await stranger.get(f"launches/{one}"))[0] == 404
    assert "AAA-AAA-AAA" not in (await stranger.get("launches"))[1]


async def test_an_attempt_says_what_its_code_means_and_what_to_do(here: House, owner: asyncpg.Connection) -> None:
    one, who = await attempt(here, owner, "token-invalid-client"), await here.staff({StaffRole.INTEGRATION_ENGINEER})
    _, page = await who.get(f"launches/{one}")
    for words in (
        "Client id, key or secret are not accepted",
        "check that the record has fetched our key list",
        "Asked the record where to sign in",
        "41 ms",
        "4.0 s",
        "not joined",
    ):
        assert words in page, words


async def test_a_launch_that_never_came_back_is_told_from_one_that_is_under_way(here: House, owner: asyncpg.Connection) -> None:
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    await attempt(here, owner, reference="AAA-AAA-AAA")
    await attempt(here, owner, ago=timedelta(hours=1), reference="BBB-BBB-BBB")
    for outcome, shown, hidden in (("under-way", "AAA-AAA-AAA", "BBB-BBB-BBB"), ("lost", "BBB-BBB-BBB", "AAA-AAA-AAA")):
        _, page = await who.get(f"launches?outcome={outcome}")
        assert shown in page
        assert hidden not in page


async def test_the_list_goes_on_page_by_page_and_keeps_what_was_asked(here: House, owner: asyncpg.Connection) -> None:
    for n in range(51):
        await attempt(here, owner, "launch-used", ago=timedelta(minutes=n), reference=f"AAA-AAA-{n:03}")
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    _, first = await who.get("launches?code=launch-used")
    assert "AAA-AAA-049" in first
    assert "AAA-AAA-050" not in first
    following = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert following.startswith("?code=launch-used&after=")
    _, second = await who.get("launches" + following)
    assert "AAA-AAA-050" in second
    assert "AAA-AAA-049" not in second


@pytest.mark.parametrize(
    "asked",
    [
        "reference=%3Cscript%3E",
        "outcome=nonsense",
        "connection=x",
        "day=yesterday",
        "day=9999-12-31",
        "day=0001-01-01",
        "after=bogus",
        "code=%00",
        "reference=" + "9" * 5000,
        "reference=%F0%9F%A9%BA",
    ],
)
async def test_nonsense_in_the_address_is_no_fault_of_the_page(here: House, owner: asyncpg.Connection, asked: str) -> None:
    await attempt(here, owner, "launch-used")
    who = await here.staff({StaffRole.INTEGRATION_ENGINEER})
    status, page = await who.get(f"launches?{asked}")
    assert status == 200
    assert "<script>" not in page
