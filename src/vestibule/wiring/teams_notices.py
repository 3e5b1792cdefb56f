"""What Microsoft tells of meetings, on a process's parts: our subscriptions, the addresses it tells at, and what works through it."""

from __future__ import annotations

from vestibule.meetings.applying import Applying
from vestibule.meetings.delays import Delays
from vestibule.meetings.hooks import NoticeHooks
from vestibule.meetings.notices import NoticeWork
from vestibule.meetings.ports import Cloud, Notices
from vestibule.meetings.subscriptions import Accounts, Subscriptions
from vestibule.wiring.parts import Parts
from vestibule.wiring.teams_cloud import make_cloud, make_notices


def make_delays(parts: Parts) -> Delays:
    """What notices that something should have been told."""
    return Delays(visits=parts.visits, clock=parts.clock)


def make_subscriptions(parts: Parts, cloud: Cloud | None = None, accounts: Accounts | None = None) -> Subscriptions:
    """What has Microsoft tell us who comes and goes."""
    return Subscriptions(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        cloud=cloud or make_cloud(parts),
        keys=parts.meetings.keys,
        kept=parts.meetings.kept,
        accounts=accounts or parts.meetings.settings,
        delays=make_delays(parts),
        origin=parts.settings.origin,
    )


def make_notice_hooks(parts: Parts) -> NoticeHooks:
    """Where Microsoft tells us."""
    return NoticeHooks(db=parts.db, box=parts.box, inbox=parts.meetings.inbox)


def make_applying(parts: Parts) -> Applying:
    """What writes down who is in a meeting."""
    meetings = parts.meetings
    return Applying(visits=parts.visits, clock=parts.clock, box=parts.box, kept=meetings.kept, people=meetings.bindings)


def make_notice_work(parts: Parts, notices: Notices | None = None) -> NoticeWork:
    """What works through it, for a worker."""
    meetings = parts.meetings
    return NoticeWork(
        db=parts.db,
        clock=parts.clock,
        inbox=meetings.inbox,
        notices=notices or make_notices(parts),
        accounts=meetings.settings,
        keys=meetings.keys,
        applying=make_applying(parts),
        subscriptions=make_subscriptions(parts),
        audit=parts.audit,
        listener=parts.listener,
    )
