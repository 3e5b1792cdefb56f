"""What Microsoft tells of meetings, on a process's parts: our keys and our subscriptions."""

from __future__ import annotations

from vestibule.meetings.delays import Delays
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.keys import MeetingKeys
from vestibule.meetings.ports import Cloud
from vestibule.meetings.subscriptions import Accounts, Subscriptions
from vestibule.wiring.parts import Parts


def make_keys(parts: Parts) -> MeetingKeys:
    """Our key pairs towards Microsoft."""
    return MeetingKeys(parts.clock, parts.box)


def make_subscriptions(parts: Parts, cloud: Cloud, accounts: Accounts) -> Subscriptions:
    """What has Microsoft tell us who comes and goes."""
    return Subscriptions(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        cloud=cloud,
        keys=make_keys(parts),
        kept=MeetingsKept(parts.box, parts.clock),
        accounts=accounts,
        delays=Delays(visits=parts.visits, clock=parts.clock),
        origin=parts.settings.origin,
    )
