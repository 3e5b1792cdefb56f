"""One browser's socket from its first message to its last: reads within its allowance, writes from its line, ends in one place."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from litestar.exceptions import WebSocketDisconnect

from vestibule.adapters.meetings.room.hub import Close, Line, Member
from vestibule.adapters.meetings.room.protocol import (
    CLOSE_BYE,
    CLOSE_LATER,
    CLOSE_POLICY,
    CLOSE_TOO_BIG,
    Allowance,
    Inbound,
    Join,
    Leave,
    Ping,
    Pong,
    Refused,
    Signal,
    Why,
    read,
    write,
)
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.errors import TooLarge, Unavailable, VestibuleError
from vestibule.identity.model import Principal
from vestibule.platform.telemetry.logs import log

JOIN_WITHIN: Final = 10.0
# A page speaks every five seconds; one that has been silent for so long has lost its network without a goodbye.
SILENCE: Final = 20.0
# One frame that the other side has not taken in that time: it does not read.
WRITE_WITHIN: Final = 10.0

_OVER: dict[str, Why] = {
    "room-closed": "ended",
    "visit-over": "ended",
    "room-full": "full",
    "room-not-admitted": "not_admitted",
    "visit-step-impossible": "not_admitted",
    "participant-not-found": "removed",
    "visit-not-found": "ended",
}
_PONG = write(Pong())


class Conversation:
    """One accepted socket."""

    def __init__(self, socket: Any, room: RoomService, principal: Principal) -> None:
        self._socket = socket
        self._room = room
        self._principal = principal
        self._line = Line()
        self._allowance = Allowance(room.clock.monotonic())

    async def hold(self) -> None:
        """Until it ends, for whatever reason: the browser goes, breaks a rule, or does not read; or we say it is over."""
        reader, writer = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
            self._line.close(CLOSE_BYE, "bye")
            reader.cancel()
            await asyncio.wait([reader])  # Granian sends no close while somebody still waits to receive
            await asyncio.wait([writer], timeout=WRITE_WITHIN)
            if writer.done() and (close := writer.result()):
                await self._close(close)
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    # ------------------------------------------------------------------ reading

    async def _read(self) -> None:
        try:
            member = await self._enter()
            if member is not None:
                await self._stay(member)
        except WebSocketDisconnect:
            self._line.close(CLOSE_BYE, "gone")
        except Refused as refused:
            log.info("room-socket-refused", reason=refused.reason, visit=self._principal.visit)
            self._line.close(refused.code, refused.reason)
        except Exception as error:  # noqa: BLE001  a mistake of ours ends one socket, not the server
            log.error("room-socket-broke", visit=self._principal.visit, exc_info=error)
            self._line.close(CLOSE_LATER, "try-again")

    async def _enter(self) -> Member | None:
        """Wait for Join and follow it; None when the answer is no."""
        message = await self._next(JOIN_WITHIN)
        if not isinstance(message, Join):
            raise Refused(CLOSE_POLICY, "join-first")
        try:
            return await self._room.join(self._principal, message, self._line)
        except Unavailable:
            raise Refused(CLOSE_LATER, "try-again") from None
        except VestibuleError as error:
            if error.code not in _OVER:
                raise Refused(CLOSE_POLICY, error.code) from None
            self._line.over(_OVER[error.code])
            return None

    async def _stay(self, member: Member) -> None:
        goodbye = False
        try:
            await self._room.announce(member.visit)
            while not self._line.closed and not goodbye:
                goodbye = await self._answer(member, await self._next(SILENCE))
        finally:
            # The server may be taking this task away; the lease must be told all the same.
            await asyncio.shield(self._room.leave(member) if goodbye else self._room.gone(member))

    async def _answer(self, member: Member, message: Inbound) -> bool:
        """Do what a message asks; True when it was the last."""
        if isinstance(message, Ping):
            self._line.send(_PONG)
        elif isinstance(message, Signal):
            try:
                await self._room.pass_on(member, message)
            except TooLarge:
                raise Refused(CLOSE_TOO_BIG, "message-too-big") from None
        elif isinstance(message, Join):
            raise Refused(CLOSE_POLICY, "joined-already")
        return isinstance(message, Leave)

    async def _next(self, within: float) -> Inbound:
        try:
            raw = await asyncio.wait_for(self._receive(), within)
        except TimeoutError:
            raise Refused(CLOSE_LATER, "silent") from None
        message = read(raw)
        self._allowance.take(self._room.clock.monotonic(), len(raw))
        return message

    async def _receive(self) -> str | bytes:
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(detail="gone", code=event.get("code", CLOSE_BYE))
        text = event.get("text")
        return text if text is not None else event.get("bytes") or b""

    # ------------------------------------------------------------------ writing

    async def _write(self) -> Close | None:
        """Send until the line says close; None when the browser took nothing for too long, or is gone."""
        try:
            while isinstance(frame := await self._line.next(), bytes):
                await asyncio.wait_for(self._socket.send({"type": "websocket.send", "text": frame.decode()}), WRITE_WITHIN)
        except Exception as error:  # noqa: BLE001  whatever the server makes of a dead socket, it is dead
            log.debug("room-write-failed", error=type(error).__name__)
            return None
        return frame

    async def _close(self, close: Close) -> None:
        event = {"type": "websocket.close", "code": close.code, "reason": close.reason}
        with suppress(Exception):  # the browser may have gone first
            await asyncio.wait_for(self._socket.send(event), WRITE_WITHIN)
