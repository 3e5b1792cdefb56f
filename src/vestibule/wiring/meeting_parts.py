"""What every process that steps visits has of meetings: the choice between room and Teams, and what is promised about a meeting."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.kit.clock import Clock
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.afterwards import Reminding
from vestibule.meetings.bindings import Bindings
from vestibule.meetings.choosing import MeetingChoice
from vestibule.meetings.inbox import Inbox
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.keys import MeetingKeys
from vestibule.meetings.making import Making
from vestibule.meetings.organizers import Organizers
from vestibule.meetings.setting import MeetingSettings
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database
from vestibule.platform.effects import Effects
from vestibule.visits.ports import Meetings
from vestibule.visits.service import Visits


@dataclass(frozen=True, slots=True)
class MeetingParts:
    """Meetings elsewhere, as far as no call to Microsoft is needed.

    Attributes:
        choice: the `Meetings` of the visits.
    """

    keys: MeetingKeys
    settings: MeetingSettings
    bindings: Bindings
    kept: MeetingsKept
    inbox: Inbox
    organizers: Organizers
    making: Making
    choice: MeetingChoice


def meeting_parts(
    *, db: Database, clock: Clock, box: SecretBox, audit: Audit, visits: Visits, effects: Effects, room: Meetings
) -> MeetingParts:
    """Put them together, and have them hear of what happens in visits."""
    keys, kept = MeetingKeys(clock, box), MeetingsKept(box, clock)
    settings = MeetingSettings(box=box, clock=clock, audit=audit, app_key=keys.app)
    bindings = Bindings(clock=clock, box=box, audit=audit)
    making = Making(clock=clock, visits=visits, effects=effects, kept=kept, settings=settings)
    inbox = Inbox(clock=clock, box=box)
    visits.subscribers.extend((making.on_event, inbox.on_event, Reminding(clock=clock, kept=kept).on_event))
    bindings.on_bound.append(making.bound)
    return MeetingParts(
        keys=keys,
        settings=settings,
        bindings=bindings,
        kept=kept,
        inbox=inbox,
        organizers=Organizers(clock=clock, bindings=bindings),
        making=making,
        choice=MeetingChoice(db=db, room=room, kept=kept, settings=settings, bindings=bindings, making=making),
    )
