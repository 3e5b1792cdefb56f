"""One MLLP connection: messages in, acknowledgements out in the same order, however many are on their way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from vestibule.adapters.hl7.answering import problem_of
from vestibule.adapters.hl7.desk import Desk
from vestibule.errors import Unavailable, VestibuleError
from vestibule.feed.model import Sender, Verdict, Via
from vestibule.platform.telemetry.logs import log
from vestibule.protocols.hl7v2 import Header, header
from vestibule.protocols.mllp import Fault, FaultKind, Framer, frame

_AGAIN = 0.25  # seconds until a message for which there was no room is offered again


class _Slot:
    """A message's place in the order of answers."""

    __slots__ = ("answer", "head")

    def __init__(self, head: Header) -> None:
        self.head = head
        self.answer: bytes | None = None


class Line(asyncio.Protocol):
    """Reads blocks, asks the inbox, answers. Who sends is known before the first byte is looked at."""

    def __init__(
        self, desk: Desk, via: Via, address: str, lines: set[Line], sender: Sender | None, ask: Callable[[Line, Any], None] | None = None
    ) -> None:
        """Describe it.

        Args:
            desk: where messages go.
            via: how they come.
            address: of the other end.
            lines: those that are open; it puts itself there, and takes itself away.
            sender: by the port; None when the key will say.
            ask: is given the line and its TLS object to find out whose key it is, and says so by `known` or `refuse`.
        """
        self.sender = sender
        self.via = via
        self.address = address
        self.key_hash = b""
        self._desk = desk
        self._lines = lines
        self._ask = ask
        self._framer = Framer(desk.limits.message_bytes)
        self._todo: deque[bytes | Fault] = deque()
        self._slots: deque[_Slot] = deque()
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._heard = self._loop.time()
        self._began = 0.0  # when the message began of which more must come
        self._stuck = 0.0  # since when our answers are not read
        self._held = 0
        self._later: asyncio.TimerHandle | None = None
        self._paused = self._full = self._ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        stream = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self._transport = stream
        stream.set_write_buffer_limits(high=65_536)
        self._lines.add(self)
        self._throttle()
        if self._ask:
            self._ask(self, stream.get_extra_info("ssl_object"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  why it is over changes nothing
        """It is over; what was handed to the inbox stays there, and the sender, who was not answered, will send it again."""
        self._lines.discard(self)
        self._desk.held -= self._held
        self._held = 0
        self._transport = None
        self._todo.clear()
        self.closed.set_result(None)
        if self._later:
            self._later.cancel()

    def known(self, sender: Sender) -> None:
        """Its key has said who sends: what came meanwhile is looked at now."""
        self.sender = sender
        early, self._early = b"".join(self._early), []
        self._throttle()
        if early:
            self.data_received(early)

    def refuse(self, reason: str) -> None:
        """Close: who sends is nobody, or nobody any more."""
        self._desk.refusals.refused(reason, self.address, self.sender)
        self.drop()

    def finish(self) -> None:
        """Take nothing more; close when what was taken is answered."""
        self._ending = True
        self._todo.clear()
        self._send()

    def drop(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Some bytes."""
        if self.sender is None:
            self._early.append(bytes(data))
        elif not self._ending:
            self._heard = self._loop.time()
            self._came(self._framer.feed(bytes(data)))

    def eof_received(self) -> bool:
        """The sender says no more; what it has sent is still answered where the connection lets us."""
        if self.sender is not None and not self._ending:
            self._ending = True
            self._came(self._framer.end())
        return bool(self._slots) and self.via is Via.MLLP

    def pause_writing(self) -> None:
        """Our answers are not read."""
        self._full, self._stuck = True, self._loop.time()
        self._throttle()

    def resume_writing(self) -> None:
        """They are read again."""
        self._full, self._stuck = False, 0.0
        self._work()

    def look(self, now: float) -> None:
        """Called every second: has the other side kept its times?"""
        limits = self._desk.limits
        slow = self._framer.inside and now - self._began > limits.allowed(self._framer.held)
        deaf = self._stuck and now - self._stuck > limits.patience
        silent = not self._slots and now - self._heard > limits.idle
        if slow or deaf or silent:
            log.info("feed-connection-closed", reason="slow" if slow else "deaf" if deaf else "idle", address=self.address)
            self.drop()
        elif self._framer.ended and now - self._heard > 1:
            self._came(self._framer.end())

    def _came(self, pieces: list[bytes | Fault]) -> None:
        """What the bytes that came have completed; and account of what they have not."""
        framer = self._framer
        if pieces or not framer.inside:
            self._began = 0.0
        if framer.inside and not self._began:
            self._began = self._heard
        held = framer.held
        if held != self._held:
            self._desk.held += held - self._held
            grew, self._held = held > self._held, held
            if grew and self._desk.held > self._desk.limits.held_bytes:
                log.warning("feed-connection-closed", reason="memory", address=self.address)
                self.drop()
        self._todo.extend(pieces)
        self._work()

    def _work(self) -> None:
        """Look at what has come, as long as not too many wait for their answer."""
        while self._todo and self._may_take():
            while self._todo and self._may_take():
                piece = self._todo.popleft()
                if isinstance(piece, Fault):
                    self._fault(piece)
                else:
                    self._take(piece)
            self._send()
        self._throttle()

    def _may_take(self) -> bool:
        return self._transport is not None and not (self._full or self._later) and len(self._slots) < self._desk.limits.unanswered

    def _offer_again(self) -> None:
        self._later = None
        self._work()

    def _take(self, body: bytes) -> None:
        """Hand one message on; where there is no room for it now, it is offered again."""
        assert self.sender is not None  # noqa: S101  nothing is looked at before
        head = header(body)
        slot = _Slot(head)
        problem = problem_of(head)
        if problem:
            self._slots.append(slot)
            self._refused(slot, problem)
            return
        try:
            future = self._desk.take(body, head, self.sender, self.via)
        except Unavailable as error:
            if error.code == "group-full":
                self._todo.appendleft(body)
                self._later = self._loop.call_later(_AGAIN, self._offer_again)
            else:  # not answered is not acknowledged: it will be sent again, to whoever comes after us
                self.finish()
            return
        self._slots.append(slot)
        future.add_done_callback(partial(self._settled, slot))

    def _settled(self, slot: _Slot, future: asyncio.Future[Verdict]) -> None:
        """The inbox has spoken."""
        error = future.exception()
        if error is None:
            verdict = future.result()
            self._desk.count(self.via, verdict)
            slot.answer = self._framed(self._desk.answers.verdict(slot.head, verdict))
        elif isinstance(error, VestibuleError) and error.code != "group-closed":
            self._desk.count(self.via, "failed")
            slot.answer = self._framed(self._desk.answers.failure(slot.head, error))
        else:  # the process is stopping
            self.drop()
            return
        self._send()
        if self._todo or self._paused:
            self._work()

    def _refused(self, slot: _Slot, problem: str) -> None:
        self._desk.count(self.via, "refused")
        slot.answer = self._framed(self._desk.answers.refusal(slot.head, problem))

    def _fault(self, fault: Fault) -> None:
        """What is no message: refused by its name where it has one. Behind stray bytes nothing can be trusted to be where it seems."""
        log.info("feed-fault", reason=fault.kind.value, address=self.address, size=len(fault.head))
        if fault.kind is FaultKind.CUT:
            return  # it was begun anew or broke off; its sender does not wait for an answer to this one
        slot = _Slot(header(fault.head))
        self._slots.append(slot)
        self._ending = self._ending or fault.kind is FaultKind.STRAY
        self._refused(slot, "hl7-too-large" if fault.kind is FaultKind.TOO_LARGE else "hl7-framing")
        if fault.kind is FaultKind.STRAY:
            self._todo.clear()

    @staticmethod
    def _framed(messages: list[bytes]) -> bytes:
        return b"".join(map(frame, messages))

    def _send(self) -> None:
        """Answers go in the order in which the messages came."""
        slots, out = self._slots, []
        while slots and slots[0].answer is not None:
            out.append(slots.popleft().answer or b"")
        if self._transport is None:
            return
        if out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        if self._ending and not slots and not self._todo:
            self._transport.close()

    def _throttle(self) -> None:
        """Read only as long as there is something to do with it."""
        pause = self.sender is None or self._full or bool(self._todo) or len(self._slots) >= self._desk.limits.unanswered
        if self._transport is None or pause is self._paused:
            return
        self._paused = pause
        if not self._transport.is_closing():
            (self._transport.pause_reading if pause else self._transport.resume_reading)()
