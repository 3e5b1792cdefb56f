"""Lists ask the database as many questions for fifty lines as for one."""

from __future__ import annotations

import pytest

from support.approving import content
from support.house import House, Staff
from support.statements import counted
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.audit import SYSTEM, Actor
from vestibule.tenancy.model import Connection, Environment, Vendor, VersionState

MORE = 6


async def asked_for(who: Staff, page: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """How many statements a page takes, and the page; the first time is for what is remembered."""
    await who.get(page)
    with counted(monkeypatch) as sent:
        status, text = await who.get(page)
    assert status == 200
    assert sent
    return len(sent), text


async def await_approval(h: House, by: Staff, number: int) -> None:
    """A connection that waits for an approver of its own."""
    approver = await h.staff({StaffRole.APPROVER}, name=f"Approver {number}")
    wanted = content(name=f"Record {number}", iss=f"https://r{number}.example/fhir", approver=approver.member.id)
    async with h.parts.db.tenant(h.tenant) as tx:
        draft = await h.parts.approvals.start(tx, wanted, by=SYSTEM, member=by.member.id)
        now = await h.parts.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM, member=by.member.id)
    assert now.state is VersionState.AWAITING


async def test_what_awaits_approval(h: House, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    await await_approval(h, admin, 0)
    few, _ = await asked_for(admin, "approvals", monkeypatch)
    for number in range(1, MORE):
        await await_approval(h, admin, number)
    many, page = await asked_for(admin, "approvals", monkeypatch)
    assert all(f"Record {number}" in page and f"Approver {number}" in page for number in range(MORE))
    assert many == few


async def test_the_audit(h: House, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    few, _ = await asked_for(admin, "audit", monkeypatch)
    people = [await h.staff({StaffRole.APPROVER}, name=f"Person {number}") for number in range(MORE)]
    async with h.parts.db.tenant(h.tenant) as tx:
        for one in people:
            h.parts.audit.note(tx, "visit.admitted", by=Actor("staff", str(one.member.id)), about=("visit", new_id()))
        h.parts.audit.note(tx, "visit.admitted", by=Actor("staff", "nobody we know"), about=("visit", new_id()))
    many, page = await asked_for(admin, "audit", monkeypatch)
    assert all(f"Person {number}" in page for number in range(MORE))
    assert many == few


async def test_the_launches_for_which_no_secret_is_opened(h: House, admin: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    few, _ = await asked_for(admin, "launches", monkeypatch)
    async with h.parts.db.tenant(h.tenant) as tx:
        for number in range(MORE):
            wanted = _connection(h.tenant, number)
            await h.parts.tenancy.add_connection(tx, wanted)
            await tx.execute("update connections set client_secret = 'not sealed by us' where id = $1", wanted.id)
    many, page = await asked_for(admin, "launches", monkeypatch)
    assert all(f"Record {number}" in page for number in range(MORE))
    assert many == few


def _connection(tenant: TenantId, number: int) -> Connection:
    iss = f"https://r{number}.example/fhir"
    return Connection(ConnectionId(new_id()), tenant, f"Record {number}", Vendor.EPIC, Environment.TEST, iss, client_secret="s")


async def test_several_versions_and_several_people_are_those_of_one_at_a_time(h: House, admin: Staff) -> None:
    await await_approval(h, admin, 0)
    other = await h.organisation()
    stranger = await h.staff({StaffRole.APPROVER}, tenant=other)
    async with h.parts.db.tenant(h.tenant) as tx:
        lines = (await h.parts.approvals.lines(tx)).items
        several = await h.parts.approvals.newest_of(tx, [*(line.id for line in lines), ConnectionId(new_id())])
        assert several == {line.id: await h.parts.approvals.newest(tx, line.id) for line in lines}
        people = await h.parts.members.several(tx, {admin.member.id, stranger.member.id})
        assert people == {admin.member.id: await h.parts.members.get(tx, admin.member.id)}
        assert await h.parts.members.several(tx, []) == {}
    async with h.parts.db.tenant(other) as tx:
        assert await h.parts.approvals.newest_of(tx, [line.id for line in lines]) == {}
