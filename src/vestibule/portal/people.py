"""People and organisations by what they are called, where a page would otherwise show ids."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from vestibule.identity.members import Members
from vestibule.kit.ids import ConnectionId, MemberId
from vestibule.platform.db import Tx
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Change
from vestibule.tenancy.organisations import Organisations


async def names_of(tx: Tx, members: Members, wanted: set[MemberId]) -> dict[Any, str]:
    """Member -> what to call them; who is gone for good is left out."""
    return {key: one.called for key, one in (await members.several(tx, wanted)).items()}


async def told(tx: Tx, approvals: Approvals, organisations: Organisations, members: Members, one: ConnectionId) -> list[Change]:
    """What a version changes, with people and organisations called by their names instead of their ids."""
    relatives = [*await organisations.children(tx), await organisations.parent(tx)]
    called = {str(key): name for key, name in filter(None, relatives)}
    found = []
    for change in await approvals.changes(tx, one):
        if change.field == "approver":
            people = await names_of(tx, members, {MemberId(UUID(text)) for text in (change.was, change.now) if text})
            called |= {str(key): name for key, name in people.items()}
        named = (", ".join(called.get(part, part) for part in re.split(r"[,\s]+", text)) for text in (change.was, change.now))
        found.append(Change(change.field, *named) if change.field in {"approver", "shared_with"} else change)
    return found
