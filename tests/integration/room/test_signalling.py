"""Signalling over real sockets: introductions, words passed on, presence, and that nobody outside hears anything."""

from __future__ import annotations

from collections.abc import Mapping
from unittest.mock import AsyncMock

import pytest

from support.rooms import Browser, Node, Scene, Someone
from support.waiting import until
from vestibule.adapters.meetings.room.service import LEASE_SECONDS
from vestibule.kit.ids import ParticipantId
from vestibule.platform.db import Tx
from vestibule.visits.model import PersonRole

OFFER = {"type": "offer", "sdp": "v=0\r\n"}


async def test_two_people_are_introduced_and_their_words_reach_each_other_only(node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    me = await doctor.welcomed()
    assert [p["name"] for p in me["people"]] == ["Dr. Okafor"]
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    hers = await amy.welcomed()
    assert sorted(p["name"] for p in hers["people"]) == ["Amy Shaw", "Dr. Okafor"]
    await doctor.sees("Amy Shaw", "Dr. Okafor")

    await amy.say({"t": "signal", "to": me["peer"], "description": OFFER})
    heard = await doctor.told("signal")
    assert heard == {"t": "signal", "from": hers["peer"], "description": OFFER}
    assert not [m for m in amy.heard if m["t"] == "signal"]
    assert await scene.kinds("Amy Shaw") == ["connected"]


async def test_a_candidate_arrives_as_browsers_spell_it(node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    me = await doctor.welcomed()
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    candidate = {"candidate": "candidate:1 1 udp 2 10.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "x"}
    await amy.say({"t": "signal", "to": me["peer"], "candidate": candidate})
    assert (await doctor.told("signal"))["candidate"] == candidate


@pytest.mark.parametrize("state", ["waiting", "held", "put_back", "removed", "left"])
async def test_who_is_not_inside_gets_no_pass_and_learns_nothing(node: Node, scene: Scene, state: str) -> None:
    outside = await scene.person("Jon Shaw", PersonRole.FAMILY, admitted=state in {"put_back", "removed", "left"})
    if state != "waiting":
        await scene.step({"held": "hold", "left": "leave", "removed": "remove"}.get(state, state), "Jon Shaw")
    status, body = await Browser(node, outside).relay()
    assert (status, body["code"]) == (403, "room-not-admitted")
    assert not {"iceServers", "token"} & set(body)
    assert "Okafor" not in str(body)


async def test_an_old_pass_does_not_bring_back_who_was_put_back(node: Node, scene: Scene) -> None:
    amy = Browser(node, scene.people["Amy Shaw"])
    token = (await amy.relay())[1]["token"]
    await scene.step("put_back", "Amy Shaw")
    await amy.join(token=token)
    assert await amy.closed() == 4001
    assert amy.heard == [{"t": "over", "why": "not_admitted"}]
    assert await scene.kinds("Amy Shaw") == []


async def test_a_pass_is_good_once(node: Node, scene: Scene) -> None:
    first = Browser(node, scene.people["Amy Shaw"])
    token = (await first.relay())[1]["token"]
    await first.join(token=token)
    await first.welcomed()
    thief = await Browser(node, scene.people["Amy Shaw"]).join(token=token)
    assert await thief.closed() == 1008
    assert thief.heard == []


async def test_a_pass_is_bound_to_its_session(node: Node, scene: Scene) -> None:
    token = (await Browser(node, scene.people["Dr. Okafor"]).relay())[1]["token"]
    thief = await Browser(node, scene.people["Amy Shaw"]).join(token=token)
    assert await thief.closed() == 1008


async def test_the_fifth_is_refused_in_words(node: Node, scene: Scene) -> None:
    names = ["Dr. Okafor", "Amy Shaw", "Jon Shaw", "Maria L."]
    for name in names[2:]:
        await scene.person(name, PersonRole.FAMILY)
    for name in names:
        await (await Browser(node, scene.people[name]).join()).welcomed()
    fifth = await Browser(node, await scene.person("Late", PersonRole.GUEST)).join()
    assert await fifth.closed() == 4003
    assert fifth.heard == [{"t": "over", "why": "full"}]
    assert await scene.kinds("Late") == []


@pytest.mark.parametrize(("action", "why"), [("put_back", "put_back"), ("remove", "removed"), ("leave", "left")])
async def test_who_is_put_out_is_cut_off_by_the_news_of_it(
    node: Node, other_node: Node, scene: Scene, action: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, that is: no node need look by itself whether they may still be there."""
    monkeypatch.setattr(other_node.watch, "renew", AsyncMock())
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    amy = await Browser(other_node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    await doctor.sees("Amy Shaw", "Dr. Okafor")
    await scene.step(action, "Amy Shaw")
    assert await amy.closed() == 4001
    assert amy.heard[-1] == {"t": "over", "why": why}
    await doctor.sees("Dr. Okafor")
    assert await scene.kinds("Amy Shaw") == ["connected", "disconnected"]


async def test_the_end_closes_every_socket_on_every_node(node: Node, other_node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    amy = await Browser(other_node, scene.people["Amy Shaw"]).join()
    await doctor.welcomed()
    await amy.welcomed()
    await scene.end()
    for browser in (doctor, amy):
        assert await browser.closed() == 4001
        assert browser.heard[-1] == {"t": "over", "why": "ended"}
    status, body = await amy.relay()
    assert (status, body["code"]) == (410, "room-closed")


async def test_words_pass_between_nodes(node: Node, other_node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    me = await doctor.welcomed()
    amy = await Browser(other_node, scene.people["Amy Shaw"]).join()
    hers = await amy.welcomed()
    await doctor.sees("Amy Shaw", "Dr. Okafor")
    long = {"type": "offer", "sdp": "a=x\r\n" * 5000}
    await amy.say({"t": "signal", "to": me["peer"], "description": long})
    assert (await doctor.told("signal")) == {"t": "signal", "from": hers["peer"], "description": long}
    await doctor.say({"t": "signal", "to": hers["peer"], "description": {"type": "answer", "sdp": "v=0\r\n"}})
    assert (await amy.told("signal"))["from"] == me["peer"]


async def test_a_quick_reconnect_is_one_connect_and_keeps_its_name(node: Node, other_node: Node, scene: Scene) -> None:
    node.room.grace_seconds = 60  # however slow this machine, they are back in time
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    await doctor.welcomed()
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    before = await amy.welcomed()
    [left] = node.room.hub.of(scene.visit, scene.people["Amy Shaw"].participant.id)
    await amy.drop()
    again = await Browser(other_node, scene.people["Amy Shaw"], amy.page).join()
    assert (await again.welcomed())["peer"] == before["peer"]
    gens = [p["gen"] for p in (await again.welcomed())["people"] if p["name"] == "Amy Shaw"]
    assert gens == [2]
    await until(lambda: any(p["gen"] == 2 for p in doctor.heard[-1].get("people", ())), what="the doctor hears of it")
    node.room.grace_seconds = 0
    await node.room.gone(left)  # the first socket's end is noticed as late as can be, and nobody waits for her
    assert await node.visits.presence.reap(node.db) == 0
    assert await scene.kinds("Amy Shaw") == ["connected"]


async def test_a_lost_socket_is_a_disconnect_after_the_grace_once(node: Node, other_node: Node, scene: Scene) -> None:
    node.room.grace_seconds = 60
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    await amy.drop()
    await until(lambda: _waits(node, scene, LEASE_SECONDS + 20), what="the grace has begun")
    assert await scene.kinds("Amy Shaw") == ["connected"]
    async with node.db.tenant(scene.tenant) as tx:
        await tx.execute("update presence set until = until - interval '60 seconds'")
    await until(lambda: _kinds_are(scene, "Amy Shaw", ["connected", "disconnected"]), what="the grace is over")
    again = await Browser(other_node, scene.people["Amy Shaw"], amy.page).join()
    await again.welcomed()
    assert await scene.kinds("Amy Shaw") == ["connected", "disconnected", "connected"]


async def test_a_renewal_on_its_way_does_not_lengthen_the_grace_of_who_goes_meanwhile(
    node: Node, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    presence, renew = node.visits.presence, node.visits.presence.renew

    async def slow(tx: Tx, holders: Mapping[ParticipantId, str], seconds: float = 20) -> list[ParticipantId]:
        if seconds == LEASE_SECONDS:
            monkeypatch.undo()
            [member] = node.room.hub.everyone()
            node.room.hub.drop(member)  # they go at this very moment; `gone` has written its grace already
        return await renew(tx, holders, seconds)

    monkeypatch.setattr(presence, "renew", slow)
    await until(lambda: _kinds_are(scene, "Amy Shaw", ["connected", "disconnected"]), what="only the grace is waited for")
    await amy.bye()


async def test_leave_is_a_disconnect_at_once(node: Node, scene: Scene) -> None:
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    await amy.say({"t": "leave"})
    assert await amy.closed() == 1000
    assert await scene.kinds("Amy Shaw") == ["connected", "disconnected"]


async def test_a_killed_nodes_people_are_taken_over_without_a_second_connect(node: Node, other_node: Node, scene: Scene) -> None:
    amy = await Browser(other_node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    await other_node.vanish()
    again = await Browser(node, scene.people["Amy Shaw"], amy.page).join()
    await again.welcomed()
    assert await scene.kinds("Amy Shaw") == ["connected"]


async def test_a_person_with_two_windows_counts_once_and_sits_in_the_newer(node: Node, scene: Scene) -> None:
    frame = await Browser(node, scene.people["Dr. Okafor"]).join()
    first = await frame.welcomed()
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    window = await Browser(node, scene.people["Dr. Okafor"]).join()
    assert (await window.welcomed())["peer"] != first["peer"]
    told = await frame.told("roster", elsewhere=True)
    assert told["people"] == []
    await amy.sees("Amy Shaw", "Dr. Okafor")
    assert await scene.kinds("Dr. Okafor") == ["connected"]
    await window.say({"t": "leave"})
    await until(lambda: frame.heard[-1] == {"t": "roster", "people": [], "elsewhere": False}, what="the frame may take the seat back")
    assert await scene.kinds("Dr. Okafor") == ["connected", "disconnected"]


async def test_a_watcher_has_no_seat_hears_no_names_and_can_say_nothing(node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    me = await doctor.welcomed()
    watcher = await Browser(node, scene.people["Amy Shaw"]).join(watch=True)
    welcome = await watcher.welcomed()
    assert (welcome["people"], welcome["elsewhere"], welcome["peer"]) == ([], False, "")
    await watcher.say({"t": "signal", "to": me["peer"], "description": OFFER})
    await watcher.say({"t": "ping"})
    await watcher.told("pong")
    assert not [m for m in doctor.heard if m["t"] == "signal"]
    assert await scene.kinds("Amy Shaw") == []


async def test_two_visits_do_not_hear_each_other(node: Node, scene: Scene) -> None:
    other = Scene(node, scene.tenant, scene.sessions)
    await other.person("Next Patient")
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    me = await doctor.welcomed()
    stranger = await Browser(node, other.people["Next Patient"]).join()
    assert [p["name"] for p in (await stranger.welcomed())["people"]] == ["Next Patient"]
    await stranger.say({"t": "signal", "to": me["peer"], "description": OFFER})
    await stranger.say({"t": "ping"})
    await stranger.told("pong")
    assert not [m for m in doctor.heard if m["t"] == "signal"]


async def test_visits_that_turn_out_to_be_one_become_one_room(node: Node, other_node: Node, scene: Scene) -> None:
    other = Scene(node, scene.tenant, scene.sessions)
    await other.person("Jon Shaw", PersonRole.FAMILY)
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    await doctor.welcomed()
    jon = await Browser(other_node, other.people["Jon Shaw"]).join()
    await jon.welcomed()
    await scene.person("Maria L.", PersonRole.INTERPRETER, also=other.csn)
    assert await jon.closed() == 1013
    again = await Browser(other_node, other.people["Jon Shaw"], jon.page).join()
    assert sorted(p["name"] for p in (await again.welcomed())["people"]) == ["Dr. Okafor", "Jon Shaw"]
    await doctor.sees("Dr. Okafor", "Jon Shaw")
    await doctor.say({"t": "ping"})
    await doctor.told("pong")


async def test_a_closed_sessions_socket_is_closed(node: Node, scene: Scene) -> None:
    amy: Someone = scene.people["Amy Shaw"]
    browser = await Browser(node, amy).join()
    await browser.welcomed()
    node.room.session_closed(amy.principal.session)
    assert await browser.closed() == 1008


async def _waits(node: Node, scene: Scene, seconds: float) -> bool:
    """Whether somebody is waited for at least so long."""
    async with node.db.tenant(scene.tenant) as tx:
        return bool(await tx.fetchval("select exists (select from presence where until > now() + make_interval(secs => $1))", seconds))


async def _kinds_are(scene: Scene, name: str, expected: list[str]) -> bool:
    return await scene.kinds(name) == expected
