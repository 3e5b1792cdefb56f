"""Whether meetings could be made: the token, what it allows, each organizer. Nothing is changed by asking.

What a user may use, and whether they exist, is seen only where the application may read users (`User.Read.All`); without that the
question is left open and no fault. It stands in `assignedPlans` of the user: an application may not ask for `licenseDetails`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from vestibule.adapters.meetings.teams.asking import Graph, Question
from vestibule.adapters.meetings.teams.pauses import Service
from vestibule.adapters.meetings.teams.reading import each, member, text
from vestibule.adapters.meetings.teams.refusals import NOT_FOUND
from vestibule.errors import Gone, NotAllowed, VestibuleError
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.meetings.model import Account, CloudSeen, OrganizerSeen, ProofKind

_PHASE: Final = "teams.look"
# A join link that no meeting has: asking for it needs the access policy like any other.
_NOBODY: Final = "https://teams.microsoft.com/l/meetup-join/none"
_ON: Final = frozenset({"enabled", "warning"})
# Service plans as Microsoft's list of product names has them. Teams comes in several (public, government, free): its service has one name.
_TEAMS: Final = "57ff2da0-773e-42df-b2af-ffb7a2317929"
_TEAMS_SERVICE: Final = "teamspaceapi"
_VIRTUAL_APPOINTMENTS: Final = "9104f592-f2a7-4f77-904c-ca5a5715883f"


@dataclass(frozen=True, slots=True)
class Looking:
    """Asks."""

    graph: Graph

    async def look(self, account: Account, organizers: Sequence[str]) -> CloudSeen:
        """What asking showed."""
        ends = account.key.not_after if account.key and account.proof is ProofKind.CERTIFICATE else None
        try:
            token = await self.graph.tokens.get(account, anew=True)
        except VestibuleError as error:
            return CloudSeen(signed_in=False, code=error.code, what=error.sentence, proof_ends=ends)
        # Side by side: ten organizers one after the other would outlast the patience of whoever asked.
        seen = await asyncio.gather(*(self._organizer(account, one) for one in organizers))
        known = [plans for _, plans in seen if plans is not None]
        return CloudSeen(
            signed_in=True,
            permissions=roles_of(token.value),
            clock_skew=token.skew,
            proof_ends=ends,
            organizers=tuple(one for one, _ in seen),
            premium=any(_VIRTUAL_APPOINTMENTS in plans for plans in known) if known else None,
        )

    async def _organizer(self, account: Account, organizer: str) -> tuple[OrganizerSeen, frozenset[str] | None]:
        """How one stands, and their plans where those may be seen."""
        plans = await self._plans(account, organizer)
        if isinstance(plans, str):
            return OrganizerSeen(organizer, plans), None
        return OrganizerSeen(organizer, await self._code(account, organizer, plans)), plans

    async def _plans(self, account: Account, organizer: str) -> frozenset[str] | str | None:
        """Ids and services of the plans that are on for somebody; a code where there is nobody; None where we may not know."""
        url = f"{self.graph.places.v1('users', organizer)}?$select=id,assignedPlans"
        try:
            told = await self.graph.ask(account, Question("GET", url, _PHASE, Service.PEOPLE, fine=(NOT_FOUND,)))
        except VestibuleError:
            return None
        if told.status == NOT_FOUND:
            return "teams-user-unknown"
        return frozenset(_on(each(told.body, "assignedPlans")))

    async def _code(self, account: Account, organizer: str, plans: frozenset[str] | None) -> str:
        """Why a meeting could not be made for them; empty when it could."""
        if plans is not None and not plans & {_TEAMS, _TEAMS_SERVICE}:
            return "teams-licence-missing"
        query = quote(f"JoinWebUrl eq '{_NOBODY}'", safe="")
        url = f"{self.graph.places.v1('users', organizer, 'onlineMeetings')}?$filter={query}"
        try:
            await self.graph.ask(account, Question("GET", url, _PHASE, Service.MEETINGS))
        except Gone:  # we may ask, and there is no such meeting
            return ""
        except NotAllowed as error:
            return error.code
        except VestibuleError as error:
            return error.code if not error.permanent else ""
        return ""


def roles_of(token: str) -> frozenset[str]:
    """The application permissions that a token for Graph carries. It is Graph's to judge; this only reads what stands in ours."""
    parts = token.split(".")
    try:
        claims = read_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, JsonError):
        return frozenset()
    roles = member(claims, "roles")
    return frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()


def _on(plans: Iterable[object]) -> Iterable[str]:
    for plan in plans:
        if text(plan, "capabilityStatus").casefold() in _ON:
            yield text(plan, "servicePlanId").casefold()
            yield text(plan, "service").casefold()
