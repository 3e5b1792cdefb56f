"""The hub's promises: bounded lines, one room a visit, nobody hears what is not for them."""

from __future__ import annotations

import json

import pytest

from vestibule.adapters.meetings.room.hub import MAX_PAGES, Close, Hub, Line, Member
from vestibule.adapters.meetings.room.protocol import CLOSE_FULL, CLOSE_LATER, CLOSE_OVER, CLOSE_REPLACED, Person
from vestibule.kit.ids import ParticipantId, SessionId, TenantId, VisitId, new_id

VISIT, OTHER = VisitId(new_id()), VisitId(new_id())
AMY, JON = ParticipantId(new_id()), ParticipantId(new_id())


def member(who: ParticipantId = AMY, *, visit: VisitId = VISIT, peer: str = "a", holder: str = "h", seated: bool = True) -> Member:
    return Member(TenantId(new_id()), SessionId(new_id()), visit, who, holder, Line(), peer, seated)


def person(who: ParticipantId, peer: str) -> Person:
    return Person(peer, str(who), "Name", "patient", 1)


async def drained(line: Line) -> tuple[list[object], Close | None]:
    """All that is queued, and the close if one stands."""
    line.close(1, "end of test")
    found: list[object] = []
    while isinstance(frame := await line.next(), bytes):
        found.append(json.loads(frame))
    return found, None if frame.code == 1 else frame


async def test_a_line_gives_frames_in_order_then_the_close() -> None:
    line = Line()
    line.send(b"1")
    line.send(b"2")
    line.close(4001, "x")
    line.send(b"3")
    assert [await line.next(), await line.next(), await line.next()] == [b"1", b"2", Close(4001, "x")]


@pytest.mark.parametrize(("frame", "most"), [(b"x", Line.MAX_MESSAGES), (b"x" * 60_000, Line.MAX_BYTES // 60_000)])
async def test_a_line_nobody_reads_is_closed_and_emptied(frame: bytes, most: int) -> None:
    line = Line()
    for _ in range(most):
        line.send(frame)
    assert not line.closed
    line.send(frame)
    assert await line.next() == Close(CLOSE_LATER, "not-reading")


async def test_the_first_reason_to_close_stands() -> None:
    line = Line()
    line.over("full")
    line.close(1000, "bye")
    assert json.loads(await line.next()) == {"t": "over", "why": "full"}  # type: ignore[arg-type]
    assert await line.next() == Close(CLOSE_FULL, "full")


async def test_a_frame_reaches_its_peer_within_the_visit_and_nobody_else() -> None:
    hub = Hub()
    amy, jon, stranger = member(), member(JON, peer="b"), member(JON, visit=OTHER, peer="a")
    for one in (amy, jon, stranger):
        hub.add(one)
    assert hub.deliver(VISIT, "a", b"{}")
    assert not hub.deliver(VISIT, "c", b"{}")
    assert [len((await drained(one.line))[0]) for one in (amy, jon, stranger)] == [1, 0, 0]


async def test_a_watcher_is_not_spoken_to() -> None:
    hub = Hub()
    watcher = member(seated=False)
    hub.add(watcher)
    assert not hub.deliver(VISIT, "a", b"{}")


async def test_the_former_socket_of_the_same_page_is_let_go() -> None:
    hub = Hub()
    old, new = member(holder="1"), member(holder="2")
    hub.add(old)
    hub.add(new)
    assert (await drained(old.line))[1] == Close(CLOSE_REPLACED, "replaced")
    assert (await drained(new.line))[1] is None


async def test_the_list_goes_to_who_sits_and_only_a_word_to_who_watches() -> None:
    hub = Hub()
    amy, watcher = member(), member(JON, peer="", holder="w", seated=False)
    hub.tell([amy, watcher], {AMY: "h"}, [person(AMY, "a")])
    assert (await drained(amy.line))[0][0]["people"][0]["name"] == "Name"  # type: ignore[index]
    assert (await drained(watcher.line))[0] == [{"t": "roster", "people": [], "elsewhere": False}]


async def test_who_lost_the_seat_to_another_page_only_watches() -> None:
    hub = Hub()
    amy = member(holder="old")
    hub.tell([amy], {AMY: "new"}, [person(AMY, "z")])
    assert not amy.seated
    assert await drained(amy.line) == ([{"t": "roster", "people": [], "elsewhere": True}], None)


async def test_who_was_believed_dead_is_asked_to_come_again() -> None:
    hub = Hub()
    amy = member()
    hub.tell([amy], {}, [])
    assert (await drained(amy.line))[1] == Close(CLOSE_LATER, "seat-lost")


async def test_expelling_reaches_every_socket_of_one_person_and_no_other() -> None:
    hub = Hub()
    amy, second, jon = member(), member(peer="c", seated=False), member(JON, peer="b")
    for one in (amy, second, jon):
        hub.add(one)
    assert hub.expel(VISIT, AMY, "put_back") == 2
    for one in (amy, second):
        assert (await drained(one.line))[1] == Close(CLOSE_OVER, "put_back")
    assert (await drained(jon.line)) == ([], None)
    assert not hub.deliver(VISIT, "a", b"{}")


async def test_one_person_has_six_pages_at_most_and_the_oldest_goes() -> None:
    hub = Hub()
    pages = [member(peer="", seated=False, holder=str(n)) for n in range(MAX_PAGES + 2)]
    other = member(JON, peer="b")
    hub.add(other)
    for page in pages:
        hub.add(page)
    assert [page.line.closed for page in pages] == [True, True] + [False] * MAX_PAGES
    assert not other.line.closed


async def test_an_empty_room_is_forgotten() -> None:
    hub = Hub()
    amy = member()
    hub.add(amy)
    assert (len(hub), hub.rooms()) == (1, ((amy.tenant, VISIT),))
    hub.drop(amy)
    hub.drop(amy)
    assert (len(hub), hub.rooms()) == (0, ())
