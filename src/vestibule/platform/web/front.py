"""The outermost layer of the web application, plain ASGI: what holds for every request, whatever route it finds or misses.

In order: a reference and the client's address; rate limit; cross-site check; size limit; then Litestar; and on the way out
security headers, cookies, metrics and one line of log that names the route's template, never its path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import new_reference
from vestibule.platform.audit import answer_for
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import REQUEST_SECONDS, REQUESTS
from vestibule.platform.web import csrf, i18n, problems
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.headers import Headers
from vestibule.platform.web.limits import GUESSED, Limiter, Proxies, capped, check_length, client_prefix

SERVICE_RESTART = 1012
_FOR_PROGRAMS = ("/api/", "/hooks/", "/meetings/teams/notifications", "/meetings/teams/lifecycle")
QUIET = ("/health/", "/metrics", "/assets/")  # too many and too dull for the log


class Front:
    """Wraps Litestar's own handler."""

    def __init__(self, app: Any, config: WebConfig, clock: Clock) -> None:
        self._app = app
        self._config = config
        self._headers = Headers(config)
        self._monotonic = clock.monotonic
        self._limiter = Limiter(config.rates, clock)
        self._proxies = Proxies(config.trusted_proxies)
        self._running: dict[asyncio.Task[Any], bool] = {}  # every request in flight; True once it has become a stream or a socket

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request or WebSocket."""
        seen = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        scope["state"] = state = {**scope.get("state", {}), **self._facts(scope, seen), "wire": send}
        answer_for(state)
        i18n.use(i18n.negotiate(seen.get("accept-language", "")))
        task = _task()
        self._running[task] = scope["type"] == "websocket"
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send, seen)
            else:
                answer = Answer(self._headers, state, send, lambda: self._became_stream(scope, seen), lambda: self._tell_refusal(scope))
                await self._timed(scope, receive, answer, seen)
        finally:
            self._running.pop(task, None)

    def end_streams(self) -> None:
        """End what would go on for ever: the server stops."""
        for task, endless in list(self._running.items()):
            if endless:
                task.cancel()

    async def drained(self, grace: float) -> None:
        """Wait for what is in flight, then cut off the rest."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=grace)
        for task in list(self._running):
            task.cancel()

    def _became_stream(self, scope: Any, seen: dict[str, str]) -> None:
        """It may stay for hours, among thousands: let go of what only its beginning needed."""
        self._running[_task()] = True
        seen.clear()
        scope["headers"].clear()  # the list itself: Litestar keeps a copy of the scope

    async def _timed(self, scope: Any, receive: Any, answer: Answer, seen: dict[str, str]) -> None:
        began = self._monotonic()
        try:
            await self._http(scope, receive, answer, seen)
        finally:
            self._finish(scope, answer, self._monotonic() - began)

    def _facts(self, scope: Any, seen: dict[str, str]) -> dict[str, Any]:
        peer = (scope.get("client") or ("", 0))[0]
        client = self._proxies.client(peer, seen.get("x-forwarded-for", ""))
        return {"reference": new_reference(), "client": client, "frame_origins": ()}

    async def _http(self, scope: Any, receive: Any, answer: Answer, seen: dict[str, str]) -> None:
        try:
            self._limiter.take(client_prefix(scope["state"]["client"]), scope["path"])
            if not scope["path"].startswith(_FOR_PROGRAMS):  # there no cookie is believed: nobody can be tricked into sending one
                csrf.check(scope["method"], seen, self._config.origin)
            most = self._most(scope["path"])
            check_length(seen.get("content-length", ""), most)
            await self._app(scope, capped(receive, most), answer)
        except Exception as error:
            if answer.status:
                log.error("answer-broke-off", route=scope.get("path_template", ""), reference=scope["state"]["reference"], exc_info=error)
                raise
            await problems.answer(scope, receive, answer, error)

    def _most(self, path: str) -> int:
        """How long a body may be."""
        return next((most for begin, most in self._config.larger.items() if path.startswith(begin)), self._config.max_body)

    async def _websocket(self, scope: Any, receive: Any, send: Any, seen: dict[str, str]) -> None:
        try:
            self._limiter.take(client_prefix(scope["state"]["client"]), scope["path"])
            csrf.check_websocket(seen, self._config.origin)
        except VestibuleError as error:
            log.warning("websocket-refused", code=error.code, reference=scope["state"]["reference"])
            await send({"type": "websocket.close", "code": 4000 + error.status, "reason": error.code})
            return
        try:
            await self._app(scope, receive, send)
            await self._tell_refusal(scope)
        except asyncio.CancelledError:  # the server stops; the code tells the page to come back at once
            with suppress(Exception):
                await send({"type": "websocket.close", "code": SERVICE_RESTART, "reason": ""})
            raise

    async def _tell_refusal(self, scope: Any) -> None:
        """That it could not be told is only logged: nobody was let in."""
        refusal = scope["state"].pop("refusal", None)
        if refusal is not None:
            try:
                await self._config.on_refusal(scope, refusal)
            except VestibuleError as error:
                log.warning("refusal-not-told", code=error.code, reference=scope["state"]["reference"])

    def _finish(self, scope: Any, answer: Answer, seconds: float) -> None:
        route = scope.get("path_template") or "(none)"
        if answer.status in GUESSED:
            self._limiter.punish(client_prefix(scope["state"]["client"]), scope["path"])
        REQUESTS.labels(route, scope["method"], str(answer.status)).inc()
        REQUEST_SECONDS.labels(route).observe(seconds)
        if not scope["path"].startswith(QUIET):
            principal = scope["state"].get("principal")
            log.info(
                "request",
                route=route,
                method=scope["method"],
                status=answer.status,
                ms=round(seconds * 1000, 1),
                reference=scope["state"]["reference"],
                tenant=getattr(principal, "tenant", None),
                visit=getattr(principal, "visit", None),
            )


def _task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request is answered inside a task")
    return task


class Answer:
    """An ASGI `send` that adds our headers to the first message and remembers the status."""

    def __init__(
        self,
        headers: Headers,
        state: dict[str, Any],
        send: Any,
        became_stream: Callable[[], None],
        tell_refusal: Callable[[], Awaitable[None]],
    ) -> None:
        self.status = 0
        self._tell_refusal = tell_refusal
        self._headers = headers
        self._state = state
        self._send = send
        self._became_stream = became_stream

    async def __call__(self, message: Any) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start":
            await self._tell_refusal()
            self.status = message["status"]
            if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message.get("headers", ())):
                self._became_stream()
            message = {**message, "headers": self._outgoing(message.get("headers", []))}
        await self._send(message)

    def _outgoing(self, sent: Any) -> list[tuple[bytes, bytes]]:
        headers = self._headers.extend(sent, self._state["frame_origins"])
        headers.append((b"x-reference", self._state["reference"].encode()))
        headers += [(b"set-cookie", cookie.header().encode()) for cookie in self._state.get("set_cookies", ())]
        return headers
