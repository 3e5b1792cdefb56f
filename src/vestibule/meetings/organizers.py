"""Under whose name a meeting is made, and how many each has made: Microsoft allows an organizer so many in a month.

The clinician organises, because only an organizer admits from Teams' own lobby and ends the call for all. Where no clinician of the visit
has said yet who they are at Microsoft, the organisation's default host does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId
from vestibule.meetings.bindings import Bindings
from vestibule.meetings.model import MONTHLY_LIMIT, Settings
from vestibule.meetings.store.counts import CountStore
from vestibule.platform.db import Tx
from vestibule.platform.telemetry.logs import log
from vestibule.tenancy.service import bound
from vestibule.visits.model import Participant, PersonRole, PersonState, Visit

# From here on pages and the doctor warn, and so does the log, once each.
WARN_AT: Final = MONTHLY_LIMIT * 8 // 10
_OUT: Final = frozenset({PersonState.REMOVED})


class Organizers:
    """Chooses and counts. Methods taking `tx` act within its organisation."""

    def __init__(self, *, clock: Clock, bindings: Bindings) -> None:
        self._clock = clock
        self._bindings = bindings
        self._store = CountStore()

    async def choose(self, tx: Tx, visit: Visit, settings: Settings) -> tuple[str, tuple[str, ...]]:
        """Who organises a visit's meeting, as an Entra object id, and the other clinicians of it; empty where nobody is known."""
        return choose(visit, await self._bindings.of_people(tx, visit), await self.used(tx), settings.default_host)

    async def used(self, tx: Tx) -> dict[str, int]:
        """How many meetings each organizer has made this month, most first."""
        return await self._store.of_month(bound(tx), tx, month_of(self._clock.now()))

    async def count(self, tx: Tx, organizer: str) -> int:
        """One more was made; how many of this month there are now. What was made a year ago is forgotten."""
        month = month_of(self._clock.now())
        made = await self._store.add(bound(tx), tx, organizer, month)
        if made == 1:
            await self._store.forget(bound(tx), tx, date(month.year - 1, month.month, 1))
        if made in {WARN_AT, MONTHLY_LIMIT}:
            log.warning("meeting-organizer-busy", code="teams-organizer-limit", count=made)
        return made


def choose(visit: Visit, bindings: Mapping[str, ParticipantId], used: Mapping[str, int], default_host: str) -> tuple[str, tuple[str, ...]]:
    """The organizer and the other clinicians. Pure.

    The provider whom the record's encounter names comes first, then whoever was first in the visit. One who has used up the
    month is passed over while there is another; where nobody else is known they are taken all the same, for the limit is Microsoft's to
    enforce and a visit is worth a try.

    Args:
        visit: with its people, in the order in which they were given a place.
        bindings: Entra object id -> participant.
        used: Entra object id -> meetings made this month.
        default_host: who organises where no clinician is known; empty for nobody.
    """
    accounts = {participant: object_id for object_id, participant in bindings.items()}
    clinicians = [accounts[person.id] for person in sorted(visit.people, key=_first) if _may(person) and person.id in accounts]
    candidates = [*clinicians, *([default_host] if default_host else [])]
    free = [one for one in candidates if used.get(one, 0) < MONTHLY_LIMIT]
    organizer = next(iter(free or candidates), "")
    return organizer, tuple(one for one in dict.fromkeys(clinicians) if one != organizer)


def month_of(moment: datetime) -> date:
    """The month a moment is in, as its first day."""
    return date(moment.year, moment.month, 1)


def _may(person: Participant) -> bool:
    return person.role is PersonRole.PROVIDER and person.state not in _OUT


def _first(person: Participant) -> tuple[bool, str]:
    """Ids are made in the order of time."""
    return not person.leads, str(person.id)
