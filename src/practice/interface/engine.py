"""The engine: turns what happened on the schedule into messages, sends them in order, and writes down which acknowledgement came."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from practice.interface import siu
from practice.interface.acks import ACCEPTED, NoAck, read_ack
from practice.interface.happenings import Happening, happened
from practice.interface.keys import Keys
from practice.interface.lines import Line, Lost, Mllp, tls
from practice.interface.model import Interface, Queued
from practice.interface.posting import Post
from practice.interface.queue import Queue
from practice.ledger import Ledger
from practice.model import Book
from practice.times import seconds, stamp

_LONGEST_WAIT = 60.0


class Engine:
    """Has the queue and the lines."""

    def __init__(self, folder: Path, ledger: Ledger, *, book: Callable[[], Book], now: Callable[[], float]) -> None:
        self.queue = Queue(folder, now())
        self.keys = Keys(folder, now())
        self._ledger, self._book, self._now = ledger, book, now
        self._lanes: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._keys_made = 0

    @property
    def settings(self) -> Interface:
        """As they stand."""
        return self._book().interface

    # ------------------------------------------------------------------ what comes in

    def announce(self, old: Book, new: Book) -> list[Queued]:
        """Queue what happened between two states of the book."""
        return [self.tell(one) for one in happened(old, new)] if new.interface.on else []

    def tell(self, happening: Happening) -> Queued:
        """Queue one message."""
        now, control = self._now(), self.queue.next_control()
        settings = happening.book.interface
        text = siu.message(siu.told(happening, settings, control, now))
        return self._add(control, happening.event, happening.visit.csn, text, settings)

    def tell_all(self) -> list[Queued]:
        """Announce every visit that is still to come, as a site does when an interface goes live."""
        book, now = self._book(), self._now()
        coming = [v for v in book.appointments if v.status in {"booked", "arrived"} and seconds(v.start) + v.minutes * 60 > now]
        return [self.tell(Happening("S12", visit, book)) for visit in coming]

    def again(self, one: Queued, *, other_body: bool = False) -> Queued:
        """The same control id once more: the same bytes, or another body under it, as a faulty engine would."""
        text = one.text.replace("\rPV1|", "\rNTE|2||Another body under the same control id\rPV1|", 1) if other_body else one.text
        return self._add(one.control, one.event, one.csn, text, self.settings, pushed=True, charset=one.charset)

    def garbage(self) -> Queued:
        """Something that is no HL7 at all."""
        return self._add(self.queue.next_control(), "garbage", "", f"<html>{secrets.token_hex(40)}\r\n|||", self.settings, pushed=True)

    def renew_key(self, now: float) -> None:
        """Another key from now on; open connections are of the old one and are closed."""
        self.keys.renew(now)
        self._keys_made += 1

    def last_told(self) -> dict[str, Queued]:
        """The newest message of each appointment, by CSN."""
        return {one.csn: one for one in self.queue}

    def push(self, one: Queued) -> None:
        """Send it now: out of order, and although the queue is held."""
        self._change(one, pushed=True, after=0.0)
        self.wake()

    def drop(self, one: Queued) -> None:
        """Never send it."""
        self._change(one, state="refused", why="taken out of the queue", done=stamp(self._now()))
        self.wake()

    def _add(self, control: str, event: str, csn: str, text: str, settings: Interface, **more: object) -> Queued:
        fields = {"charset": settings.charset, "trick": settings.trick, **more}
        one = self.queue.add(control=control, event=event, csn=csn, text=text, made=stamp(self._now()), **fields)
        self.wake()
        return one

    def _change(self, one: Queued, **what: object) -> None:
        for name, value in what.items():
            setattr(one, name, value)
        self.queue.keep(one)

    # ------------------------------------------------------------------ what goes out

    def wake(self) -> None:
        """Something changed: everybody who waits looks again."""
        self._news.set()
        self._news = asyncio.Event()
        self._fill_lanes()

    def start(self) -> None:
        """Begin to send."""
        self._lanes = [asyncio.create_task(self._lane(0))]
        self._fill_lanes()

    def _fill_lanes(self) -> None:
        """As many as the settings say, once the first runs; one too many ends by itself."""
        if self._lanes:
            self._lanes = [task for task in self._lanes if not task.done()]
            self._lanes += [asyncio.create_task(self._lane(place)) for place in range(len(self._lanes), self.settings.lanes)]

    async def close(self) -> None:
        """Stop sending. What was under way is sent again after the next start."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self.queue.close()

    async def settled(self, *, seconds: float = 10) -> bool:
        """Wait until every message is answered; False when some still waits after so long."""
        try:
            async with asyncio.timeout(seconds):
                while self.queue.waiting():
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _lane(self, place: int) -> None:
        """One connection: the next message, its acknowledgement, the next."""
        line: Line | None = None
        used: tuple[Interface, int] | None = None
        try:
            while place < self.settings.lanes:
                settings = self.settings
                address = (_address(settings), self._keys_made)
                if line is not None and used != address:
                    await line.close()
                    line = None
                one = self.queue.next(self._now(), held=settings.held or not settings.on)
                if one is None:
                    await self._wait(settings)
                    continue
                line, used = line or self._line(settings), address
                await self._send(one, line, settings)
        finally:
            if line is not None:
                await line.close()

    async def _wait(self, settings: Interface) -> None:
        due = self.queue.due(held=settings.held or not settings.on)
        left = _LONGEST_WAIT if due is None else max(due - self._now(), 0.005)
        try:
            async with asyncio.timeout(min(left, _LONGEST_WAIT)):
                await self._news.wait()
        except TimeoutError:
            pass

    def _line(self, settings: Interface) -> Line:
        if settings.transport == "https":
            return Post(settings, self.keys)
        return Mllp(settings, tls(settings, self.keys) if settings.transport == "mllps" else None)

    async def _send(self, one: Queued, line: Line, settings: Interface) -> None:
        """One attempt, and its line in the ledger."""
        self._change(one, state="sending", tries=one.tries + 1)
        trick = one.trick if one.tries == 1 or one.trick == "bytes" else ""
        try:
            ack = read_ack(await line.say(one.body, trick), one.control)
        except (Lost, NoAck) as error:
            pause = min(settings.retry_seconds * 2 ** min(one.tries - 1, 6), _LONGEST_WAIT)
            self._enter(one, settings, "trouble", why=str(error))
            self._change(one, state="queued", why=str(error)[:300], after=self._now() + pause)
        else:
            good = ack.code in ACCEPTED
            self._enter(one, settings, "ok" if good else "refused", ack=ack.code, why=ack.why)
            self._change(one, state="accepted" if good else "refused", ack=ack.code, why=ack.why, done=stamp(self._now()))
        self.wake()

    def _enter(self, one: Queued, settings: Interface, outcome: str, *, ack: str = "", why: str = "") -> None:
        line = {"kind": "hl7", "number": one.number, "control": one.control, "event": one.event, "csn": one.csn, "try": one.tries}
        self._ledger.append({**line, "path": settings.where, "outcome": outcome, "ack": ack, "why": why})


def _address(settings: Interface) -> Interface:
    """What a line depends on, other switches as if they were not there."""
    return msgspec.structs.replace(settings, on=True, held=False, trick="", lanes=1)
