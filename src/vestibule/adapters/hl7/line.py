"""One MLLP connection: messages in, acknowledgements out in the same order, however many are on their way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from vestibule.adapters.hl7.answering import LONGEST_ID, Kind, Kinds, problem_of
from vestibule.adapters.hl7.desk import Desk
from vestibule.errors import Unavailable, VestibuleError
from vestibule.feed.model import Sender, Verdict, Via, name_of, named
from vestibule.platform.telemetry.logs import log
from vestibule.protocols.hl7v2 import Header, glance, header
from vestibule.protocols.mllp import Fault, FaultKind, Framer, frame

_AGAIN = 0.25  # seconds until a message for which there was no room is offered again


class _Slot:
    """A message's place in the order of answers: one of a known kind, or one with a header of its own."""

    __slots__ = ("_head", "answer", "kind", "number")

    def __init__(self, head: Header | None, kind: Kind | None = None, number: bytes = b"") -> None:
        self._head = head
        self.kind = kind
        self.number = number
        self.answer: bytes | None = None

    @property
    def head(self) -> Header:
        if self._head is None:
            assert self.kind is not None  # noqa: S101  it has one of the two
            self._head = self.kind.header(self.number.decode())
        return self._head


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
        self._kinds = Kinds()
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
        inside, held = framer.inside, framer.held
        if pieces or not inside:
            self._began = 0.0
        if inside and not self._began:
            self._began = self._heard
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
        todo, slots = self._todo, self._slots
        while todo and self._may_take():
            piece = todo.popleft()
            if isinstance(piece, Fault):
                self._fault(piece)
            else:
                self._take(piece)
            if slots and slots[0].answer is not None and not (todo and self._may_take()):
                self._send()
        if self._ending:
            self._send()
        self._throttle()

    def _may_take(self) -> bool:
        return self._transport is not None and not (self._full or self._later) and len(self._slots) < self._desk.limits.unanswered

    def _offer_again(self) -> None:
        self._later = None
        self._work()

    def _take(self, body: bytes) -> None:
        """Hand one message on; where there is no room for it now, it is offered again."""
        sender = self.sender
        assert sender is not None  # noqa: S101  nothing is looked at before
        seen = glance(body)
        kind = seen and self._kinds.of(seen[0], body, sender)
        if seen and kind and len(seen[1]) <= LONGEST_ID:
            slot, number = _Slot(None, kind, seen[1]), seen[1].decode()
            name = named(kind.beginning, number)
        else:
            head = header(body)
            slot, number = _Slot(head), head.control_id
            problem = problem_of(head)
            if problem:
                self._slots.append(slot)
                self._refused(slot, problem)
                return
            name = name_of(sender, head.at(3), head.at(4), number)
        self._slots.append(slot)
        try:
            self._desk.hand(body, number, name, sender, self.via, partial(self._settled, slot))
        except Unavailable as error:
            self._slots.pop()
            if error.code == "group-full":
                self._todo.appendleft(body)
                self._later = self._loop.call_later(_AGAIN, self._offer_again)
            else:  # not answered is not acknowledged: it will be sent again, to whoever comes after us
                self.finish()

    def _settled(self, slot: _Slot, said: Verdict | VestibuleError) -> None:
        """The inbox has spoken."""
        desk = self._desk
        if not isinstance(said, VestibuleError):
            desk.count(self.via, said)
            if slot.kind and said is not Verdict.CONFLICT:
                slot.answer = desk.answers.cast(slot.kind, slot.number)
            else:
                slot.answer = self._framed(desk.answers.verdict(slot.head, said))
        elif said.code != "group-closed":
            desk.count(self.via, "failed")
            slot.answer = self._framed(desk.answers.failure(slot.head, said))
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
