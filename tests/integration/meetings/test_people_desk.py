"""The portal's list of clinicians who have signed in at Microsoft, and how that is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from support.house import House, house
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import Participant, PersonRole

ROSA, DEVIKA = "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03", "5f1c2a70-0002-4c1e-8a55-2d7b9e3f0a02"
EVIL = "<script>window.pwned=1</script>"


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


async def bind(h: House, person: str, object_id: str, *, csn: str) -> tuple[UUID, Participant]:
    """A clinician of the record who has signed in."""
    guest = await h.come(PersonRole.PROVIDER, "Dr. Canary", csn=csn, person=person)
    async with h.parts.db.tenant(h.tenant) as tx:
        await tx.execute("update participants set person_type = 'user' where id = $1", guest.participant.id)
        visit = await h.parts.visits.get(tx, guest.visit)
        who = visit.person(guest.participant.id)
        assert who is not None
        return (await h.parts.meetings.bindings.bind(tx, visit, who, object_id, by=SYSTEM)).id, who


async def test_the_list_names_two_ids_and_no_name(h: House) -> None:
    admin = await h.staff({StaffRole.ADMINISTRATOR})
    assert "Nobody has signed in yet" in (await admin.get("meetings/people"))[1]
    await bind(h, "OKAFOR", ROSA, csn="1")
    await bind(h, EVIL, DEVIKA, csn="2")
    status, text = await admin.get("meetings/people")
    assert status == 200
    assert all(word in text for word in ("OKAFOR", ROSA, DEVIKA, "Practice hospital", "not yet"))
    assert "Canary" not in text
    assert EVIL not in text


@pytest.mark.parametrize(
    ("search", "found"), [("OKAFOR", True), (ROSA, True), (ROSA.upper(), True), (" OKAFOR ", True), ("OKA", False), ("okafor", False)]
)
async def test_a_search_finds_by_the_whole_of_one_id(h: House, search: str, found: bool) -> None:
    admin = await h.staff({StaffRole.ADMINISTRATOR})
    await bind(h, "OKAFOR", ROSA, csn="1")
    await bind(h, "BANERJEE", DEVIKA, csn="2")
    _, text = await admin.get(f"meetings/people?search={search}")
    assert ("Nobody has signed in under this id" not in text) is found
    assert "BANERJEE" not in text


async def test_an_administrator_takes_it_back_and_the_audit_says_so(h: House) -> None:
    admin, auditor = await h.staff({StaffRole.ADMINISTRATOR}), await h.staff({StaffRole.AUDITOR})
    key, who = await bind(h, "OKAFOR", ROSA, csn="1")
    _, seen = await auditor.get(f"meetings/people/{key}")
    assert "OKAFOR" in seen
    assert "unbind" not in seen
    assert (await auditor.post_form(f"meetings/people/{key}/unbind"))[0] == 403
    for _ in range(2):  # a double click is one removal
        assert await admin.post_form(f"meetings/people/{key}/unbind") == (303, f"{admin.base}/meetings/people?told=unbound")
    async with h.parts.db.tenant(h.tenant) as tx:
        assert await h.parts.meetings.bindings.object_id(tx, h.connection.id, who) == ""
        rows = await tx.fetch("select actor_id, about_id from audit_entries where action = 'meeting.person-unbound'")
    assert [(row["actor_id"], row["about_id"]) for row in rows] == [(str(admin.member.id), str(key))]
    assert (await admin.get(f"meetings/people/{key}"))[0] == 404


async def test_another_organisation_sees_and_removes_nothing(h: House) -> None:
    key, who = await bind(h, "OKAFOR", ROSA, csn="1")
    other: TenantId = await h.organisation()
    stranger = await h.staff({StaffRole.ADMINISTRATOR}, tenant=other)
    assert "OKAFOR" not in (await stranger.get("meetings/people"))[1]
    assert (await stranger.get(f"meetings/people/{key}"))[0] == 404
    await stranger.post_form(f"meetings/people/{key}/unbind")
    await stranger.post_form(f"meetings/people/{new_id()}/unbind")
    async with h.parts.db.tenant(h.tenant) as tx:
        assert await h.parts.meetings.bindings.object_id(tx, h.connection.id, who) == ROSA


async def test_a_clinician_whose_session_it_is_may_not_look(h: House) -> None:
    doctor = await h.come(PersonRole.PROVIDER, "Dr. Okafor")
    assert (await doctor.get("meetings/people"))[0] == 403
