"""Who the people of a meeting's report are. Pure.

While a meeting goes on its roster finds out who is who, and keeps under a keyed hash as whom Microsoft knows them: whoever stands in a
report under the same name is the same person, and so is whoever had signed in there when we showed them the way. A report may know guests
by other names: then whoever came in the minute in which the roster says that somebody came. What the roster never heard of is told here as
it would have been there: an account by its binding; of the others whoever was shown the way and is not accounted for, by their name as long
as we have it, else the one shown it last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vestibule.kit.ids import ParticipantId
from vestibule.meetings.model import Identity, IdentityKind, Report
from vestibule.meetings.roster import Around, colleague, named
from vestibule.meetings.store.roster import Present
from vestibule.visits.model import Interval, Participant, PersonRole

# So far two of Microsoft's words on when somebody came may be apart.
_APART: Final = timedelta(seconds=60)


@dataclass
class _Guests:
    """People without an account that is known, as far as they are accounted for.

    Attributes:
        shown: who of the visit was shown the way and has no account that is known, the latest first.
        names: by what somebody called themselves in this report, who they were.
    """

    shown: Sequence[Participant]
    taken: set[ParticipantId] = field(default_factory=set)
    names: dict[str, ParticipantId] = field(default_factory=dict)

    def who(self, identity: Identity) -> ParticipantId | None:
        """The one who came again under the same name, the one of that name, the one who is missing, or the only one there could be.

        A clinician is taken for nobody's guess, only by their name.
        """
        again = self.names.get(identity.name) if identity.name else None
        guests = [one for one in self.shown if one.role is not PersonRole.PROVIDER]
        guess = [one for one in guests if one.id not in self.taken] or (guests if len(guests) == 1 else [])
        one = named(self.shown, identity.name) or next(iter(guess), None)
        found = again or (one.id if one else None)
        if found is not None:
            self.take(identity, found)
        return found

    def take(self, identity: Identity, who: ParticipantId) -> None:
        """This is they."""
        self.taken.add(who)
        if identity.name:
            self.names[identity.name] = who


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody as a report or a call record names them, and when they were first there."""

    identity: Identity
    began: datetime | None = None


def whose(people: Sequence[Named], rows: Sequence[Present], around: Around) -> list[ParticipantId | None]:
    """Whom each of these stands for; None for somebody who did not come through us.

    Args:
        people: as a report or a call record names them.
        rows: the roster, as far as it was told.
        around: what else is known.
    """
    known = set(around.accounts.values())
    shown = [who for way in around.ways if (who := around.visit.person(way.participant)) is not None and who.id not in known]
    heard = {way.identity: way.participant for way in around.ways if way.identity}
    heard |= {row.identity: row.participant for row in rows if row.identity and row.participant}
    guests, found = _Guests(shown), [_sure(one.identity, heard, around) for one in people]
    open_ = [n for n, one in enumerate(people) if found[n] is None and _may_be_a_guest(one.identity, around)]
    # Clinicians have accounts, also once ours has forgotten whose: no guest who came in the same minute is one of them.
    clinicians = {one.id for one in around.visit.people if one.role is PersonRole.PROVIDER}
    for place, guest in _by_time({n: people[n].began for n in open_}, rows, {*clinicians, *known, *found}):
        found[place] = guest
    for one, sure in zip(people, found, strict=True):
        if sure is not None and sure not in known:
            guests.take(one.identity, sure)
    for place in open_:
        found[place] = found[place] or guests.who(people[place].identity)
    return found


def intervals(report: Report, rows: Sequence[Present], around: Around) -> list[Interval]:
    """When everybody was there, by a report."""
    named_ = [Named(record.identity, min((began for began, _ in record.intervals), default=None)) for record in report.records]
    return [
        Interval(who, began, over)
        for record, who in zip(report.records, whose(named_, rows, around), strict=True)
        for began, over in record.intervals
        if began <= over
    ]


def _by_time(
    began: Mapping[int, datetime | None], rows: Sequence[Present], taken: Collection[ParticipantId | None]
) -> Iterator[tuple[int, ParticipantId]]:
    """Who came when the roster says that somebody came, the closest first: a report may know guests by other names than the roster did."""
    pairs = sorted(
        (abs(at - row.came_at), place, row.participant)
        for place, at in began.items()
        for row in rows
        if at is not None and row.came_at is not None and row.participant is not None and row.participant not in taken
    )
    places: set[int] = set()
    people: set[ParticipantId] = set()
    for apart, place, who in pairs:
        if apart <= _APART and place not in places and who not in people:
            places.add(place)
            people.add(who)
            yield place, who


def _sure(identity: Identity, heard: dict[bytes, ParticipantId], around: Around) -> ParticipantId | None:
    """Known by their account, or by what the roster found out."""
    by_account = around.accounts.get(identity.id.lower()) if identity.kind is IdentityKind.USER else None
    key = around.key(identity)
    return by_account or (heard.get(key) if key else None)


def _may_be_a_guest(identity: Identity, around: Around) -> bool:
    return identity.kind not in {IdentityKind.PHONE, IdentityKind.APPLICATION} and not colleague(identity, around.directory)
