"""The rehearsal's port `Room`: two people take seats in the room, by the very steps their sockets would, and signal to each other."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from vestibule.adapters.meetings.room.hub import Line, Member
from vestibule.adapters.meetings.room.protocol import Description, Join, Signal
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.errors import NotAllowed
from vestibule.identity.model import Principal
from vestibule.kit.ids import random_bytes

_PATIENCE: Final = 5.0  # seconds for a word to go from one seat to the other
_WORD: Final = "a=rehearsal"


class RoomRehearsal:
    """Uses the room as browsers do, without a browser."""

    def __init__(self, room: RoomService) -> None:
        self._room = room

    async def is_shut_to(self, principal: Principal) -> bool:
        """Nobody gets a pass before they are let in."""
        try:
            await self._room.admit(principal)
        except NotAllowed:
            return True
        return False

    async def meet(self, one: Principal, other: Principal) -> None:
        """Both sit down, each hears the other, both leave."""
        members: list[Member] = []
        try:
            for principal in (one, other):  # one after the other: whoever sat down must stand up, whatever becomes of the next
                members.append(await self._sit(principal))  # noqa: PERF401
            first, second = members
            await self._say(first, second)
            await self._say(second, first)
        finally:
            for member in members:
                await self._room.leave(member)

    async def _sit(self, principal: Principal) -> Member:
        admission = await self._room.admit(principal)
        wish = Join(token=admission.token, window=random_bytes(12).hex())
        return await self._room.join(principal, wish, Line())

    async def _say(self, speaker: Member, listener: Member) -> None:
        await self._room.pass_on(speaker, Signal(to=listener.peer, description=Description(type="offer", sdp=_WORD)))
        async with asyncio.timeout(_PATIENCE):
            while not await self._heard(listener, speaker.peer):
                pass

    async def _heard(self, listener: Member, speaker: str) -> bool:
        frame = await listener.line.next()
        if not isinstance(frame, bytes):
            raise TimeoutError
        said = msgspec.json.decode(frame)
        return bool(said.get("t") == "signal" and said.get("from") == speaker)
