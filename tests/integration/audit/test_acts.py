"""What is noted when people do what they do, and that nothing is done when it cannot be noted."""

from __future__ import annotations

import uuid
from typing import Any

import aiohttp
import asyncpg
import pytest

from support.house import Guest, House
from vestibule.identity.model import StaffRole
from vestibule.platform.audit.model import Written
from vestibule.platform.audit.store import written
from vestibule.visits.model import PersonRole

PROVIDER, PATIENT = PersonRole.PROVIDER, PersonRole.PATIENT


async def entries(house: House, owner: asyncpg.Connection) -> list[Written]:
    return [written(row) for row in await owner.fetch("select * from audit_entries where tenant_id = $1 order by seq", house.tenant)]


async def newest(house: House, owner: asyncpg.Connection) -> Written:
    return (await entries(house, owner))[-1]


async def actions(house: House, owner: asyncpg.Connection) -> list[str]:
    return [one.entry.action for one in await entries(house, owner)]


async def asked(house: House, path: str, cookies: str, method: str = "GET") -> tuple[int, dict[str, str], Any]:
    headers = {"Cookie": cookies, "Origin": house.origin, "Accept": "application/json"}
    request = {"headers": headers, "json": {}, "allow_redirects": False}
    async with aiohttp.ClientSession() as session, session.request(method, house.origin + path, **request) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def proof(guest: Guest) -> str:
    return f"{guest.cookie.name}={guest.cookie.value}"


async def test_a_session_into_a_visit_is_noted_with_who_and_what(here: House, owner: asyncpg.Connection) -> None:
    guest = await here.come(PATIENT, "Camila Lopez")
    one = (await newest(here, owner)).entry
    assert (one.action, one.about_kind, one.about_id) == ("session.opened", "visit", str(guest.visit))
    assert (one.actor.kind, one.actor.id) == ("visitor", str(guest.participant.id))
    assert one.actor.session == str(guest.opened.principal.session)


STEPS: list[tuple[str, str, dict[str, str]]] = [
    ("arrive", "visit.arrived", {}),
    ("people/{patient}/admit", "visit.admitted", {}),
    ("people/{patient}/put-back", "visit.put-back", {}),
    ("people/{patient}/hold", "visit.held", {}),
    ("people/{patient}/remove", "visit.removed", {}),
    ("invite", "link.made", {"role": "family"}),
    ("outcome", "visit.outcome-marked", {"outcome": "completed"}),
    ("end", "visit.ended", {}),
]


async def test_every_step_at_the_door_is_noted_with_whoever_took_it_and_whence(here: House, owner: asyncpg.Connection) -> None:
    doctor, patient = await here.come(PROVIDER, "Dr Ash"), await here.come(PATIENT, "Camila Lopez")
    await doctor.post("arrive")
    for path, action, body in STEPS:
        who = patient if action == "visit.arrived" else doctor
        assert await who.post(path.format(patient=patient.participant.id), body) < 300, path
        one = next(e.entry for e in reversed(await entries(here, owner)) if e.entry.action == action)
        assert (one.actor.id, one.actor.address, one.about_id) == (str(who.participant.id), "127.0.0.1", str(doctor.visit)), action
        assert len(one.actor.reference) == 11
    assert "Camila" not in str(await entries(here, owner))
    assert "Dr Ash" not in str(await entries(here, owner))


async def test_whoever_comes_in_by_a_link_is_noted_with_the_link(here: House, owner: asyncpg.Connection) -> None:
    doctor = await here.come(PROVIDER)
    url = f"{here.origin}{doctor.base}/invite"
    async with aiohttp.ClientSession() as session, session.post(url, json={"role": "family"}, headers=doctor.headers) as answer:
        code = (await answer.json())["url"].rpartition("/")[2]
    status, _, _ = await asked(here, f"/j/{code}", "", "POST")
    one = (await newest(here, owner)).entry
    assert status == 303
    assert (one.action, one.about_id, one.detail["role"]) == ("link.used", str(doctor.visit), "guest")
    assert code not in str(await entries(here, owner))


async def test_a_one_time_address_is_noted_when_made_and_when_used(here: House, owner: asyncpg.Connection) -> None:
    doctor = await here.come(PROVIDER)
    url = f"{here.origin}{doctor.base}/handoff"
    async with aiohttp.ClientSession() as session, session.post(url, json={"to": "console"}, headers=doctor.headers) as answer:
        ticket = (await answer.json())["url"]
    await asked(here, ticket, "")
    assert (await actions(here, owner))[-3:] == ["ticket.issued", "ticket.used", "session.opened"]
    assert ticket.rpartition("/")[2] not in str(await entries(here, owner))


# ---------------------------------------------------------------------- refusals


async def test_a_proved_session_that_may_not_is_noted(here: House, owner: asyncpg.Connection) -> None:
    patient = await here.come(PATIENT)
    status, _, _ = await asked(here, f"{patient.base}/board", proof(patient))
    one = (await newest(here, owner)).entry
    assert status == 403
    assert (one.action, one.outcome.value, one.actor.id) == ("access.refused", "refused", str(patient.participant.id))
    assert (one.detail["code"], one.detail["route"]) == ("role-not-allowed", "/s/{sid}/board")


async def test_a_member_without_the_role_is_noted(here: House, owner: asyncpg.Connection) -> None:
    approver = await here.staff([StaffRole.APPROVER])
    status, _ = await approver.get("audit")
    one = (await newest(here, owner)).entry
    assert status == 403
    assert (one.action, one.actor.kind, one.actor.id) == ("access.refused", "staff", str(approver.member.id))


async def test_a_socket_that_is_refused_is_noted(here: House, owner: asyncpg.Connection) -> None:
    patient, other = await here.come(PATIENT), await here.come(PROVIDER, csn="2")
    before = len(await entries(here, owner))
    url = f"{here.origin}{other.base}/signal".replace("http:", "ws:")
    headers = {"Cookie": proof(patient), "Origin": here.origin}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url, headers=headers)
    noted = (await entries(here, owner))[before:]
    assert [one.entry.action for one in noted] == ["access.crossed"]


@pytest.mark.parametrize("forged", ["{other}", "{mine}=AAAA", "{mine}="], ids=["another's cookie", "a made-up value", "an empty value"])
async def test_whoever_holds_another_s_cookie_is_noted_as_crossing(here: House, owner: asyncpg.Connection, forged: str) -> None:
    attacker, victim = await here.come(PATIENT), await here.come(PATIENT, csn="2")
    cookies = forged.format(other=proof(attacker), mine=victim.cookie.name)
    status, _, _ = await asked(here, f"{victim.base}/lobby", cookies)
    one = (await newest(here, owner)).entry
    assert status == 401
    assert (one.action, one.actor.kind, one.about_id) == ("access.crossed", "nobody", str(victim.opened.principal.session))


async def test_whoever_merely_knocks_leaves_no_entry(here: House, owner: asyncpg.Connection) -> None:
    victim = await here.come(PATIENT)
    before = len(await entries(here, owner))
    for path, cookies in (
        (f"{victim.base}/lobby", ""),
        (f"{victim.base}/lobby", "theme=dark"),
        (f"/s/{uuid.uuid4()}/lobby", proof(victim)),
        ("/api/v1/nothing", ""),
        ("/h/none", ""),
        ("/j/" + "A" * 24, ""),
        ("/launch/provider?iss=https://nobody.example&launch=x", ""),
        ("/launch/callback?state=x&code=y", ""),
    ):
        assert (await asked(here, path, cookies))[0] >= 400, path
    assert len(await entries(here, owner)) == before


async def test_an_expired_page_left_open_is_no_attempt_at_crossing(here: House, owner: asyncpg.Connection) -> None:
    patient = await here.come(PATIENT)
    async with here.parts.db.tenant(here.tenant) as tx:
        await here.parts.identity.close_session(tx, patient.opened.principal.session)
    before = len(await entries(here, owner))
    assert (await asked(here, f"{patient.base}/lobby", proof(patient)))[0] == 401
    assert len(await entries(here, owner)) == before


async def test_of_a_storm_of_refusals_the_first_are_noted(here: House, owner: asyncpg.Connection) -> None:
    patient = await here.come(PATIENT)
    before = len(await entries(here, owner))
    for _ in range(30):
        assert (await asked(here, f"{patient.base}/board", proof(patient)))[0] in {403, 429}
    assert len(await entries(here, owner)) == before + 10


# ---------------------------------------------------------------------- what cannot be noted is not done


async def test_without_an_audit_no_step_is_taken(here: House, owner: asyncpg.Connection) -> None:
    doctor, patient = await here.come(PROVIDER), await here.come(PATIENT)
    await doctor.post("arrive")
    await patient.post("arrive")
    states, kinds = await here.states(doctor.visit), await here.kinds(doctor.visit)
    await owner.execute("alter table audit_entries rename to audit_gone")
    for path in (f"people/{patient.participant.id}/admit", f"people/{patient.participant.id}/remove", "end"):
        assert await doctor.post(path) == 503, path
    assert (await here.states(doctor.visit), await here.kinds(doctor.visit)) == (states, kinds)
    await owner.execute("alter table audit_gone rename to audit_entries")
    assert await doctor.post(f"people/{patient.participant.id}/admit") == 204


async def test_without_an_audit_nobody_comes_in(here: House, owner: asyncpg.Connection) -> None:
    doctor = await here.come(PROVIDER)
    url = f"{here.origin}{doctor.base}/handoff"
    async with aiohttp.ClientSession() as session, session.post(url, json={"to": "console"}, headers=doctor.headers) as answer:
        ticket = (await answer.json())["url"]
    before = await owner.fetchval("select count(*) from sessions")
    await owner.execute("alter table audit_entries rename to audit_gone")
    status, headers, body = await asked(here, ticket, "")
    assert (status, b"act-not-recorded" in body, "set-cookie" in {name.lower() for name in headers}) == (503, True, False)
    assert await owner.fetchval("select count(*) from sessions") == before
    await owner.execute("alter table audit_gone rename to audit_entries")
    assert (await asked(here, ticket, ""))[0] != 410, "the ticket was not used up"
