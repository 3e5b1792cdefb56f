"""The two addresses at which Microsoft tells us things: over a real socket, whoever asks, and with a real database behind."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from support.meeting_office import BOX
from support.serving import Reply, ask, served
from support.telling import ORIGIN, TellingOffice, guest, telling
from vestibule.errors import Unavailable
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.client_state import client_state
from vestibule.meetings.hooks import ROUTES, NoticeHooks
from vestibule.meetings.model import Seen
from vestibule.platform.db import Database
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.serve import Server
from vestibule.visits.model import Visit

NOTIFICATIONS, LIFECYCLE = "/meetings/teams/notifications", "/meetings/teams/lifecycle"
JSON = {"Content-Type": "application/json"}
VALIDATION = "Validation: Testing client application reachability for subscription Request-Id: 7d3f0d2e-1b"


@dataclass
class Post:
    """The addresses, and what stands behind them."""

    office: TellingOffice
    server: Server
    hooks: NoticeHooks
    visit: Visit
    state: str

    async def send(self, body: Any, path: str = NOTIFICATIONS, **headers: str) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await ask(self.server, path, method="POST", headers={**JSON, **headers}, body=raw)

    def delivery(self, *names: str, state: str | None = None, **more: Any) -> dict[str, Any]:
        """What Graph would send."""
        common = {"subscriptionId": "sub-1", "clientState": self.state if state is None else state, "changeType": "updated"}
        return {"value": [{**common, "encryptedContent": {"data": name}, **more} for name in names], "validationTokens": ["a token"]}

    async def taken(self) -> int:
        return len(await self.office.rows("select from meeting_inbox"))


@asynccontextmanager
async def posting(office: TellingOffice) -> AsyncIterator[Post]:
    visit, *_ = await office.visit_of()
    hooks = NoticeHooks(db=office.db, box=BOX, inbox=office.parts.inbox)
    app = build_app(routes=ROUTES, services={"notice_hooks": hooks, "clock": SystemClock()}, config=WebConfig(origin=ORIGIN))
    async with served(app) as server:
        yield Post(office, server, hooks, visit, client_state(BOX, office.tenant, (await office.row(visit)).id))


@pytest.fixture
async def post(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[Post]:
    async with telling(db, tenant, db_url) as office, posting(office) as one:
        yield one


def alike(reply: Reply) -> tuple[Any, ...]:
    """What somebody outside can tell of an answer; the reference is another each time, whatever was asked."""
    changing = {"date", "x-reference", "content-security-policy"}
    return reply.status, reply.body, tuple(sorted((n, v) for n, v in reply.headers.items() if n not in changing)), tuple(reply.cookies)


@pytest.mark.parametrize("path", [NOTIFICATIONS, LIFECYCLE])
async def test_graph_reads_its_token_in_the_answer(post: Post, path: str) -> None:
    reply = await ask(post.server, f"{path}?validationToken={quote(VALIDATION)}", method="POST", headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.body.decode()) == (200, VALIDATION)
    assert reply.headers["content-type"].partition(";")[0] == "text/plain"
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_token_that_is_a_page_is_no_page_in_the_answer(post: Post) -> None:
    reply = await ask(post.server, f"{NOTIFICATIONS}?validationToken={quote('<script>alert(1)</script>')}", method="POST")
    assert b"<" not in reply.body


async def test_what_we_asked_for_is_taken_sealed_and_becomes_what_happened(post: Post) -> None:
    name = post.office.event(Seen("g1", guest()))
    reply = await post.send(post.delivery(name))
    assert (reply.status, reply.body) == (202, b"")
    ((sealed,),) = await post.office.rows("select sealed from meeting_inbox")
    assert name.encode() not in sealed
    assert post.state.encode() not in sealed
    await post.office.work.turn()
    assert await post.office.told(post.visit) == ["patient connected"]


async def test_whatever_is_sent_by_whomever_the_answer_is_the_same_and_nothing_is_kept(post: Post) -> None:
    office, name = post.office, post.office.event(Seen("g1", guest()))
    another = client_state(SecretBox([("k1", b"9" * 32)]), office.tenant, (await office.row(post.visit)).id)
    unknown = client_state(BOX, office.tenant, new_id())
    nobody = client_state(BOX, TenantId(new_id()), (await office.row(post.visit)).id)
    flipped = post.state[:-1] + ("A" if post.state[-1] != "A" else "B")
    hostile: list[Any] = [
        *(post.delivery(name, state=state) for state in ("", "x", another, unknown, nobody, flipped, post.state + "=", "é" * 86)),
        {"value": [{"encryptedContent": {"data": name}}]},
        {"value": [{"clientState": [post.state]}, {"clientState": None}, 7, None, "x", [], [[]]]},
        {"value": {"clientState": post.state}},
        {"value": None},
        {"Value": post.delivery(name)["value"]},
        {},
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b'{"value": [], "value": []}',
        b'{"value": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"<xml/>",
    ]
    replies = [await post.send(body, path) for path in (NOTIFICATIONS, LIFECYCLE) for body in hostile]
    replies.append(await post.send(post.delivery(name), **{"Content-Type": "text/html"}))  # which is ours, and taken
    replies.append(await post.send({}, Origin="https://evil.test", **{"Sec-Fetch-Site": "cross-site"}))
    replies.append(await post.send({}, Cookie="__Host-s=1", Authorization="Bearer x"))
    assert len({alike(reply) for reply in replies}) == 1
    assert replies[0].status == 202
    assert await post.taken() == 1


async def test_too_much_is_too_much_whoever_sends_it(post: Post) -> None:
    filler = "x" * 1_000_001
    replies = [await post.send({**post.delivery(state=state), "filler": filler}) for state in (post.state, "x")]
    assert [reply.status for reply in replies] == [413, 413]
    assert len({reply.body.partition(b"reference")[0] for reply in replies}) == 1


async def test_a_large_batch_is_taken(post: Post) -> None:
    names = [post.office.event(Seen(f"g{n}", guest("x", str(n)))) for n in range(150)]
    content = base64.b64encode(b"x" * 4_000).decode()
    assert (await post.send(post.delivery(*names, filler=content))).status == 202
    assert await post.taken() == 150


async def test_a_batch_may_mix_organisations_and_what_is_not_ours(post: Post, other_tenant: TenantId) -> None:
    name = post.office.event(Seen("g1", guest()))
    batch = post.delivery(name)
    batch["value"] += post.delivery("theirs", state=client_state(BOX, other_tenant, new_id()))["value"]
    batch["value"] += post.delivery("nobodys", state="x")["value"]
    assert (await post.send(batch)).status == 202
    assert await post.taken() == 1


async def test_when_it_cannot_be_kept_graph_is_to_say_it_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> int:
        raise Unavailable("database-unavailable", "The database cannot be reached.", phase="database.connect")

    name = post.office.event(Seen("g1", guest()))
    with monkeypatch.context() as patch:
        patch.setattr(post.office.parts.inbox, "take", away)
        assert (await post.send(post.delivery(name))).status == 503
        assert (await post.send(post.delivery(name, state="x"))).status == 202, "who is not Graph learns nothing of it"
    assert (await post.send(post.delivery(name))).status == 202
    assert await post.taken() == 1


async def test_nobody_reads_anything_there(post: Post) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await ask(post.server, NOTIFICATIONS, method=method)).status == 405


async def test_thousands_at_once_of_which_few_are_ours(post: Post) -> None:
    names = [post.office.event(Seen(f"g{n // 2}", guest(), gone=n % 2 == 1), when=n) for n in range(20)]
    forged = [post.delivery("x", state=base64.urlsafe_b64encode(n.to_bytes(64)).decode().rstrip("=")) for n in range(2_000)]
    ours = [post.delivery(name) for name in names for _ in range(50)]
    bodies = [body for two, one in zip(zip(forged[::2], forged[1::2], strict=True), ours, strict=True) for body in (*two, one)]
    # Each on a connection of its own: one used again may just be closing where everybody has waited long.
    line = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{post.server.port}", connector=line) as session:

        async def send(body: dict[str, Any]) -> tuple[int, bytes]:
            async with session.post(NOTIFICATIONS, json=body) as answer:
                return answer.status, await answer.read()

        assert set(await asyncio.gather(*map(send, bodies))) == {(202, b"")}
    assert await post.taken() == 20
    while await post.office.work.turn():
        pass
    told = await post.office.told(post.visit)
    assert told == ["patient connected", "patient disconnected"] * (len(told) // 2), "in whatever order they were taken"
    assert told


async def test_what_is_said_of_a_subscription_counts_once_a_minute_whatever_stands_around_it(post: Post) -> None:
    for n in range(20):
        said = {"clientState": post.state, "lifecycleEvent": ("missed", f"anything {n}")[n % 2], "subscriptionId": str(n)}
        assert (await post.send({"value": [said]}, LIFECYCLE)).status == 202
    assert await post.taken() == 2
    post.office.clock.advance(60)
    await post.send({"value": [{"clientState": post.state, "lifecycleEvent": "missed"}]}, LIFECYCLE)
    assert await post.taken() == 3


async def test_nothing_of_it_stands_in_a_log(post: Post) -> None:
    with capture_logs() as lines:
        await post.send(post.delivery("canary-data", tenantId="canary-tenant"))
        await post.send(post.delivery("canary-data", state="canary-state"))
        await ask(post.server, f"{NOTIFICATIONS}?validationToken=canary-token", method="POST")
    assert "canary" not in str(lines)
    assert post.state not in str(lines)


async def test_what_came_is_counted(post: Post) -> None:
    def count(outcome: str) -> float:
        labels = {"kind": "notification", "outcome": outcome}
        return REGISTRY.get_sample_value("vestibule_meeting_notices_total", labels) or 0

    before = {outcome: count(outcome) for outcome in ("taken", "again", "unknown", "unreadable")}
    name = post.office.event(Seen("g1", guest()))
    await post.send(post.delivery(name, name))
    await post.send(post.delivery(name, state="x"))
    await post.send(b"{")
    assert {outcome: count(outcome) - was for outcome, was in before.items()} == {"taken": 1, "again": 1, "unknown": 1, "unreadable": 1}


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["value", "clientState", "x"]), inner, max_size=3),
    max_leaves=12,
)


@given(_ANYTHING)
def test_no_shape_of_json_is_taken_for_ours(said: Any) -> None:
    hooks = NoticeHooks(db=None, box=BOX, inbox=None)  # type: ignore[arg-type]
    asyncio.run(hooks.take("notification", json.dumps({"value": said}).encode()))
