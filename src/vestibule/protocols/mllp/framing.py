"""Cuts a stream of bytes into HL7 messages, and wraps one for the way back.

Senders are not strict, so this is not: line ends and other stray bytes between blocks are passed over, a block may lack its last CR, or its
whole end when the next one begins behind a finished segment, and a 0x0B or 0x1C in a text is text. What comes out depends on the bytes
alone, never on how the network happened to cut them, and every byte is searched once, however small the pieces are that it comes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

SB, EB, CR, LF = 0x0B, 0x1C, 0x0D, 0x0A
MOST_STRAY = 1024
_HEAD = 4096
_LEAST = 3  # SB, EB, CR
_MARKS = re.compile(rb"[\x0b\x1c]")
_BEGINNINGS = (b"MSH", b"FHS", b"BHS", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # of a message: plain, or behind a byte order mark
_AFTER_END = frozenset({CR, LF, SB})
_PADDING = b"\r\n\x1c\x00 \t"


class FaultKind(StrEnum):
    """What was wrong with a block."""

    TOO_LARGE = "too-large"  # more bytes than allowed; the rest of the block is passed over
    CUT = "cut"  # a new block began, or the connection ended, in the middle of it
    STRAY = "stray"  # a message without a start byte, or more bytes outside of blocks than a slip explains


@dataclass(frozen=True, slots=True)
class Fault:
    """What is no message. It was not taken, and must not be acknowledged as if it were.

    Attributes:
        head: how it began, at most 4 kB: enough to read its header and refuse it by name.
    """

    kind: FaultKind
    head: bytes = field(default=b"", repr=False)


def frame(message: bytes) -> bytes:
    """A message as a block."""
    return b"\x0b" + message + b"\x1c\r"


class Framer:
    """One connection's incoming bytes. Holds at most one message and what came with it."""

    def __init__(self, max_bytes: int) -> None:
        """Take the limit.

        Args:
            max_bytes: of a message, without its frame.
        """
        self._most = max_bytes
        self._buffer = bytearray()
        self._searched = 0  # up to here nothing in the buffer ends or begins a block
        self._inside = False
        self._dropping = False
        self._stray = bytearray()
        self._told = False  # of the stray bytes before the next block

    @property
    def inside(self) -> bool:
        """A block has begun and not ended: the sender owes us the rest."""
        return self._inside

    @property
    def held(self) -> int:
        """Bytes kept of a block that has not ended yet."""
        return len(self._buffer)

    @property
    def ended(self) -> bool:
        """The end byte has come, and nothing behind it: after a silence it is the end, `end` says so."""
        return self._inside and self._buffer[-1:] == b"\x1c"

    def feed(self, data: bytes) -> list[bytes | Fault]:
        """Take bytes as they came; gives the messages that are whole now, and faults, in their order."""
        if self._is_one_block(data):
            self._stray.clear()
            self._told = False
            return [data[1:-2]]
        self._buffer += data
        found: list[bytes | Fault] = []
        while self._within(found) if self._inside else self._between(found):
            pass
        return found

    def end(self) -> list[bytes | Fault]:
        """Nothing more will come: the connection ended, or was silent for so long that a last CR is not to be expected.

        A block whose end byte came without the CR behind it is whole; one without its end byte is not.
        """
        found: list[bytes | Fault] = []
        if self._inside and self._buffer[-1:] == b"\x1c":
            self._close(len(self._buffer) - 1, found)
        elif self._inside and not self._dropping:
            found.append(Fault(FaultKind.CUT, bytes(self._buffer[:_HEAD])))
        self._buffer.clear()
        self._searched, self._inside, self._dropping = 0, False, False
        return found

    def _is_one_block(self, data: bytes) -> bool:
        """The usual case: one message, nothing else."""
        if self._inside or self._buffer or data[:1] != b"\x0b" or data[-2:] != b"\x1c\r":
            return False
        size = len(data)
        usual = _LEAST < size <= self._most + 3 and data.find(EB) == size - 2 and data.find(SB, 1) < 0
        return usual and data[1] not in _PADDING

    def _between(self, found: list[bytes | Fault]) -> bool:
        """Look for a block's start; True when there is more to look at."""
        buffer = self._buffer
        start = buffer.find(SB)
        before = bytes(buffer if start < 0 else buffer[:start])
        if not self._told:
            self._judge_stray(before, found, over=start >= 0)
        if start < 0:
            buffer.clear()
            return False
        self._stray.clear()
        del buffer[: start + 1]
        self._inside, self._searched, self._told = True, 0, False
        return True

    def _judge_stray(self, before: bytes, found: list[bytes | Fault], *, over: bool) -> None:
        """Bytes outside of blocks: a few are passed over, a whole message or very many are told of, once."""
        *ended, rest = before.split(b"\x1c")
        for part, whole in [*((one, True) for one in ended), (rest, over)]:
            self._stray += part.translate(None, _PADDING)
            if len(self._stray) > MOST_STRAY or (whole and self._stray.startswith(b"MSH")):
                found.append(Fault(FaultKind.STRAY, bytes(self._stray[:MOST_STRAY])))
                self._told = True
                self._stray.clear()
                return

    def _within(self, found: list[bytes | Fault]) -> bool:
        """Look for the block's end; True when there is more to look at."""
        buffer, size = self._buffer, len(self._buffer)
        while mark := _MARKS.search(buffer, self._searched):
            at = mark.start()
            if at + 1 == size or (buffer[at] == SB and self._may_begin(at)):
                self._searched = at  # what it is depends on bytes that have not come yet
                return self._not_yet(at, found)
            if buffer[at] == SB:
                if self._begins(at) or not (at or self._dropping):
                    return self._begun_anew(at, found)
            elif buffer[at + 1] in _AFTER_END:
                self._close(at, found)
                del buffer[: at + (1 if buffer[at + 1] == SB else 2)]
                self._inside, self._dropping = False, False
                return True
            self._searched = at + 1
        self._searched = size
        return self._not_yet(size, found)

    def _begins(self, at: int) -> bool:
        """A message begins behind the start byte that stands here."""
        return self._buffer.startswith(_BEGINNINGS, at + 1)

    def _may_begin(self, at: int) -> bool:
        """Too little has come to say whether a message begins here."""
        rest = bytes(self._buffer[at + 1 : at + 4])
        return not self._begins(at) and any(one.startswith(rest) for one in _BEGINNINGS)

    def _begun_anew(self, at: int, found: list[bytes | Fault]) -> bool:
        """A new block begins inside this one, which therefore lacks its end."""
        before = bytes(self._buffer[:at])
        if before.strip(_PADDING + b"\x0b"):
            if before[-1] in {CR, LF}:
                self._close(at, found)
            elif not self._dropping:
                found.append(self._too_large() if at > self._most else Fault(FaultKind.CUT, before[:_HEAD]))
        del self._buffer[: at + 1]
        self._searched, self._dropping = 0, False
        return True

    def _close(self, at: int, found: list[bytes | Fault]) -> None:
        """The block ends here."""
        if self._dropping:
            return
        if at > self._most:
            found.append(self._too_large())
        elif bytes(self._buffer[: min(at, _HEAD)]).strip(_PADDING):  # an empty block is how some senders keep a connection alive
            found.append(bytes(self._buffer[:at]))

    def _too_large(self) -> Fault:
        return Fault(FaultKind.TOO_LARGE, bytes(self._buffer[: min(self._most, _HEAD)]))

    def _not_yet(self, sure: int, found: list[bytes | Fault]) -> bool:
        """The block goes on; what is too large is not kept."""
        if sure > self._most and not self._dropping:
            found.append(self._too_large())
            self._dropping = True
        if self._dropping:
            del self._buffer[:sure]
            self._searched -= sure
        return False
