"""What every meeting must keep, whoever makes it: each kind of meeting brings a `Host` and runs these tests unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from support.rooms import Browser, Node, Scene, Sessions
from support.teams import TeamsHost, teams_house
from support.waiting import until
from vestibule.kit.ids import TenantId
from vestibule.visits.model import PersonRole, Visit
from vestibule.visits.ports import Meetings

DOCTOR, AMY = "Dr. Okafor", "Amy Shaw"


class Host(Protocol):
    """A meeting as a test sees it: a visit of two admitted people, ways in, and what happened."""

    meetings: Meetings

    async def visit(self) -> Visit: ...
    async def step(self, action: str, name: str) -> Visit: ...
    async def end(self) -> Visit: ...
    async def enter(self, name: str) -> bool: ...
    async def vanish(self, name: str) -> None: ...
    async def cut_off(self, name: str) -> bool: ...
    async def kinds(self, name: str) -> list[str]: ...


class RoomHost:
    """The built-in room, on real sockets."""

    def __init__(self, node: Node, scene: Scene) -> None:
        self._scene, self._node = scene, node
        self.meetings: Meetings = node.room
        self._browsers: dict[str, Browser] = {}

    async def visit(self) -> Visit:
        async with self._node.db.tenant(self._scene.tenant) as tx:
            return await self._node.visits.get(tx, self._scene.visit)

    async def step(self, action: str, name: str) -> Visit:
        return await self._scene.step(action, name)

    async def end(self) -> Visit:
        await self._scene.end()
        return await self.visit()

    async def enter(self, name: str) -> bool:
        browser = Browser(self._node, self._scene.people[name])
        status, _ = await browser.relay()
        if status != 200:
            return False
        await browser.join()
        await browser.welcomed()
        self._browsers[name] = browser
        return True

    async def vanish(self, name: str) -> None:
        await self._browsers[name].drop()

    async def cut_off(self, name: str) -> bool:
        return await self._browsers[name].closed() is not None

    async def kinds(self, name: str) -> list[str]:
        return await self._scene.kinds(name)

    async def go(self) -> None:
        for browser in self._browsers.values():
            await browser.bye()


@asynccontextmanager
async def in_the_room(db_url: str, tenant: TenantId) -> AsyncIterator[Host]:
    sessions = Sessions()
    node = await Node(db_url, sessions).start()
    scene = Scene(node, tenant, sessions)
    await scene.person(DOCTOR, PersonRole.PROVIDER)
    await scene.person(AMY)
    room = RoomHost(node, scene)
    yield room
    await room.go()
    await node.stop()


@pytest.fixture(params=["room", "teams"])
async def host(request: pytest.FixtureRequest, db_url: str, tenant: TenantId, quick_path: Path) -> AsyncIterator[Host]:
    """Each kind of meeting in turn; a new kind is a new parameter."""
    if request.param == "room":
        async with in_the_room(db_url, tenant) as room:
            yield room
    else:
        async with teams_house(db_url, quick_path) as house:
            yield await TeamsHost(house).begin(DOCTOR, AMY)


async def happened(host: Host, name: str, *kinds: str) -> None:
    async def so() -> bool:
        return await host.kinds(name) == list(kinds)

    await until(so, what=f"{name}: {kinds}")


async def test_ensuring_a_meeting_may_be_repeated(host: Host) -> None:
    for _ in range(3):
        await host.meetings.ensure(await host.visit())
    assert await host.enter(DOCTOR)


async def test_whoever_comes_in_is_connected_once(host: Host) -> None:
    await host.meetings.ensure(await host.visit())
    assert await host.enter(DOCTOR)
    assert await host.enter(AMY)
    await happened(host, DOCTOR, "connected")
    await happened(host, AMY, "connected")


async def test_whoever_vanishes_is_disconnected_once_and_may_come_back(host: Host) -> None:
    await host.enter(AMY)
    await host.vanish(AMY)
    await happened(host, AMY, "connected", "disconnected")
    assert await host.enter(AMY)
    await happened(host, AMY, "connected", "disconnected", "connected")


@pytest.mark.parametrize("action", ["put_back", "remove"])
async def test_whoever_is_expelled_is_cut_off_and_stays_out_and_the_call_may_be_repeated(host: Host, action: str) -> None:
    await host.enter(DOCTOR)
    await host.enter(AMY)
    visit = await host.step(action, AMY)
    amy = next(person for person in visit.people if person.role is PersonRole.PATIENT)
    await host.meetings.expel(visit, amy.id)
    await host.meetings.expel(visit, amy.id)
    assert await host.cut_off(AMY)
    assert not await host.enter(AMY)
    await happened(host, AMY, "connected", "disconnected")
    assert await host.kinds(DOCTOR) == ["connected"]


async def test_expelling_somebody_who_is_admitted_changes_nothing(host: Host) -> None:
    await host.enter(AMY)
    visit = await host.visit()
    amy = next(person for person in visit.people if person.role is PersonRole.PATIENT)
    await host.meetings.expel(visit, amy.id)
    assert await host.kinds(AMY) == ["connected"]


async def test_closing_cuts_everybody_off_and_may_be_repeated(host: Host) -> None:
    await host.enter(DOCTOR)
    await host.enter(AMY)
    visit = await host.end()
    await host.meetings.close(visit)
    await host.meetings.close(visit)
    assert await host.cut_off(DOCTOR)
    assert await host.cut_off(AMY)
    assert not await host.enter(AMY)
    await happened(host, AMY, "connected", "disconnected")
    await happened(host, DOCTOR, "connected", "disconnected")
