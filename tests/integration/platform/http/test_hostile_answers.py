"""What the door makes of servers that are slow, broken, or mean. Everything happens on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from support.raw_server import Heard, RawServer, ok, raw_server
from vestibule.errors import OutsideFailed, VestibuleError
from vestibule.kit.exchange import Ask
from vestibule.platform.http import NEVER_SENT, Http

HUGE = 200_000


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True)
    yield door
    await door.close()


@pytest.fixture
async def narrow() -> AsyncIterator[Http]:
    """A door that lets two at once to an origin."""
    door = Http(allow_loopback_http=True, per_origin=2)
    yield door
    await door.close()


def ask(server: RawServer, path: str = "/x", method: str = "GET") -> Ask:
    return Ask(method, server.origin + path, "test.phase", body=b"{}" if method == "POST" else None)


async def failure(http: Http, what: Ask, *, timeout: float = 30, max_bytes: int = 10_000, redirects: int = 0) -> VestibuleError:
    with pytest.raises(VestibuleError) as raised:
        await http.perform(what, timeout=timeout, max_bytes=max_bytes, redirects=redirects)
    assert raised.value.phase == "test.phase"
    return raised.value


async def test_an_honest_answer_comes_through_whatever_its_status(http: Http) -> None:
    for status in (200, 201, 302, 404, 429, 500, 503):
        answer = f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nRetry-After: 7\r\nSet-Cookie: a=b\r\n\r\nhi".encode()
        async with raw_server(answer) as server:
            got = await http.perform(ask(server, "/a?b=c"))
        assert (got.status, got.body, got.headers) == (status, b"hi", {"retry-after": "7"})
        assert server.heard[0].line == "GET /a?b=c HTTP/1.1"


async def test_method_headers_and_body_arrive_as_asked(http: Http) -> None:
    async with raw_server(ok()) as server:
        await http.perform(Ask("POST", server.origin + "/t", "p", {"Content-Type": "application/json", "X-Y": "z"}, b'{"a":1}'))
    heard = server.heard[0]
    assert heard.body == b'{"a":1}'
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-y"] == "z"
    assert "cookie" not in heard.headers


async def test_no_cookie_is_kept(http: Http) -> None:
    async with raw_server(ok(b"{}", "Set-Cookie: track=1; Path=/")) as server:
        await http.perform(ask(server))
        await http.perform(ask(server))
    assert all("cookie" not in heard.headers for heard in server.heard)


async def test_a_proxy_in_the_environment_is_not_asked(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(ok()) as proxy, raw_server(ok()) as server:
        monkeypatch.setenv("http_proxy", proxy.origin)
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        await http.perform(ask(server))
        assert proxy.connections == 0


async def _hang(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _slow_headers(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Y: z\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _one_byte_at_a_time(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _headers_then_silence(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize("say", [_hang, _slow_headers, _one_byte_at_a_time, _headers_then_silence])
async def test_a_slow_server_meets_the_deadline(http: Http, say: object) -> None:
    async with raw_server(say) as server:  # type: ignore[arg-type]
        began = asyncio.get_running_loop().time()
        error = await failure(http, ask(server), timeout=0.8)
        assert 0.8 <= asyncio.get_running_loop().time() - began < 8
    assert error.code == "outside-timeout"
    assert not error.permanent
    assert error.code not in NEVER_SENT  # it may have been carried out


async def _endless_chunks(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


async def _endless_without_length(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 1024)
        await writer.drain()


async def _bomb(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(ok(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip"))


async def _claims_too_much(_heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 20_000)


@pytest.mark.parametrize("say", [_endless_chunks, _endless_without_length, _bomb, _claims_too_much])
async def test_too_much_is_refused_as_soon_as_it_is_too_much(http: Http, say: object) -> None:
    async with raw_server(say) as server:  # type: ignore[arg-type]
        error = await failure(http, ask(server))
    assert error.code == "outside-too-large"
    assert error.permanent


BROKEN = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "cut off"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut off inside a chunk"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nab\r\n0\r\n\r\n", "no number where a chunk begins"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nab\r\n", "negative chunk"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nabcde", "two lengths"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "negative length"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", "hex length"),
    (b"HTTP/1.1 200 OK\r\nX-Huge: " + b"a" * HUGE + b"\r\n\r\n", "huge header"),
    (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 5_000 + b"\r\n", "thousands of headers"),
    (b"HTTP/1.1 200 " + b"a" * HUGE + b"\r\n\r\n", "huge reason"),
    (b"HTTP/1.1 abc OK\r\n\r\n", "status is not a number"),
    (b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", "no such HTTP"),
    (b"220 smtp.example ESMTP\r\n", "another protocol"),
    (b"\x16\x03\x01\x00\x05hello", "TLS where none should be"),
    (b"", "hangs up at once"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "compression nobody asked for"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "not the compression it claims"),
]


@pytest.mark.parametrize(("answer", "why"), BROKEN, ids=[why for _, why in BROKEN])
async def test_a_broken_answer_is_an_error_by_name(http: Http, answer: bytes, why: str) -> None:
    async def say(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with raw_server(say) as server:
        error = await failure(http, ask(server))
    assert error.code == "outside-broken-answer", why
    assert server.origin not in error.sentence


async def test_what_a_server_says_too_early_never_answers_the_next_question(http: Http) -> None:
    smuggled = ok(b'{"who":"mine"}') + ok(b'{"who":"somebody elses"}')
    async with raw_server(smuggled) as server:
        for _ in range(3):
            assert (await http.perform(ask(server))).json() == {"who": "mine"}


async def test_a_post_is_never_sent_twice(http: Http) -> None:
    async def say(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.line.startswith("GET"):
            writer.write(ok())
        else:
            writer.close()  # hear it, then hang up on the kept connection

    async with raw_server(say) as server:
        await http.perform(ask(server))
        error = await failure(http, ask(server, method="POST"))
        assert error.code == "outside-broken-answer"
        assert sum(heard.line.startswith("POST") for heard in server.heard) == 1


async def test_nobody_listening_is_unreachable_and_surely_not_sent(http: Http) -> None:
    async with raw_server(ok()) as server:
        pass
    error = await failure(http, ask(server))
    assert error.code == "outside-unreachable"
    assert error.code in NEVER_SENT


async def test_header_injection_never_reaches_the_wire(http: Http) -> None:
    async with raw_server(ok()) as server:
        for bad in ({"X-A": "b\r\nX-Evil: 1"}, {"X-A\r\nX-Evil": "1"}, {"Host": "evil.example"}):
            with pytest.raises(VestibuleError) as raised:
                await http.perform(Ask("GET", server.origin, "p", bad))
            assert raised.value.code == "outside-bad-header"
        with pytest.raises(VestibuleError):
            await http.perform(Ask("GET", server.origin + "/x\r\nX-Evil: 1", "p"))
    assert server.connections == 0


async def test_one_slow_origin_does_not_hold_up_another(narrow: Http) -> None:
    async with raw_server(_hang) as slow, raw_server(ok()) as quick:
        stuck = [asyncio.create_task(narrow.perform(ask(slow), timeout=60)) for _ in range(30)]
        for _ in range(20):
            assert (await narrow.perform(ask(quick))).status == 200
        assert slow.connections <= 2
        assert not any(task.done() for task in stuck[:18])  # two inside, sixteen in line
        turned_away = [task.exception() for task in stuck[18:]]
        assert {error.code for error in turned_away if isinstance(error, VestibuleError)} == {"outside-busy"}
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_cancelled_call_frees_its_place(narrow: Http) -> None:
    heard = asyncio.Event()

    async def say(said: Heard, writer: asyncio.StreamWriter) -> None:
        heard.set()
        if said.line.startswith("GET /hang"):
            await asyncio.Event().wait()
        writer.write(ok())

    async with raw_server(say) as server:
        for _ in range(3):
            stuck = asyncio.create_task(narrow.perform(ask(server, "/hang")))
            await heard.wait()
            heard.clear()
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)
        assert (await narrow.perform(ask(server))).status == 200


async def test_a_flow_is_driven_and_hears_of_failures(http: Http) -> None:
    async with raw_server(b"") as gone:
        pass
    told = []
    async with raw_server(ok(json.dumps({"n": 1}).encode())) as server:

        def flow():  # noqa: ANN202  a generator of Asks
            first = yield ask(server)
            try:
                yield ask(gone)
            except OutsideFailed as error:
                told.append(error.code)
            second = yield ask(server)
            return first.json()["n"] + second.json()["n"]

        assert await http.drive(flow(), timeout=30) == 2
    assert told == ["outside-unreachable"]


async def test_what_a_flow_does_not_catch_comes_out(http: Http) -> None:
    def flow():  # noqa: ANN202  a generator of Asks
        yield Ask("GET", "https://10.0.0.1/", "flow.first")

    with pytest.raises(VestibuleError) as raised:
        await http.drive(flow())
    assert (raised.value.code, raised.value.phase) == ("outside-refused-address", "flow.first")
