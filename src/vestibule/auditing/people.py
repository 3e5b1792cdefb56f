"""Members' names for the pages of the audit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from vestibule.identity.members import Members
from vestibule.kit.ids import MemberId
from vestibule.platform.db import Tx


class MemberNames:
    """The port `People`, by the organisation's list of members; those removed from it are known too."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def names(self, tx: Tx, members: Collection[str]) -> Mapping[str, str]:
        """What those are called who are known."""
        wanted: dict[str, MemberId] = {}
        for member in members:
            with suppress(ValueError):
                wanted[member] = MemberId(UUID(member))
        known = await self._members.several(tx, set(wanted.values()))
        return {member: known[key].called for member, key in wanted.items() if key in known}

    async def called(self, tx: Tx, name: str, most: int) -> Sequence[str]:
        """The ids of members called like that, at most so many."""
        return [str(one.id) for one in (await self._members.listing(tx, search=name, limit=most)).items]
