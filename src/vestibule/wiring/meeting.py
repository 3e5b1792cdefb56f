"""Meetings elsewhere in the processes: what the web's handlers ask for, and what the worker does."""

from __future__ import annotations

from vestibule.meetings.afterwards import Afterwards
from vestibule.meetings.delays import Delays
from vestibule.meetings.doing import Doing, Watch
from vestibule.meetings.ending import Ending
from vestibule.platform.effects import Policy, Worker
from vestibule.platform.telemetry.metrics import EFFECTS
from vestibule.wiring.parts import Parts
from vestibule.wiring.teams_cloud import make_cloud
from vestibule.wiring.teams_notices import make_applying, make_notice_hooks, make_subscriptions

# Somebody waits for their meeting: what Microsoft could not do is tried again every half minute, for a day.
_PATIENCE = Policy(tries=2_900, cap=30.0)


def meeting_services(parts: Parts) -> dict[str, object]:
    """What handlers may ask for by name."""
    meetings = parts.meetings
    return {"meetings": meetings.choice, "bindings": meetings.bindings, "notice_hooks": make_notice_hooks(parts)}


def make_doing(parts: Parts, *, watch: Watch | None = None) -> Doing:
    """Makes, moves, shuts and deletes meetings."""
    meetings, cloud = parts.meetings, make_cloud(parts)
    return Doing(
        db=parts.db,
        clock=parts.clock,
        visits=parts.visits,
        kept=meetings.kept,
        settings=meetings.settings,
        organizers=meetings.organizers,
        cloud=cloud,
        watch=watch or make_subscriptions(parts, cloud, meetings.settings).ensure,
        delays=Delays(visits=parts.visits, clock=parts.clock),
        again=meetings.making.later,
    )


def meeting_worker(parts: Parts) -> Worker:
    """What carries out the promises about meetings. They have places of their own, so that a slow cloud keeps no record waiting."""
    doing = make_doing(parts)
    return Worker(
        parts.db,
        doing.handlers,
        parts.clock,
        mourners=doing.mourners,
        listener=parts.listener,
        concurrency=parts.settings.worker_concurrency,
        per_destination=parts.settings.worker_concurrency,
        policy=_PATIENCE,
        meter=lambda event, kind, _: EFFECTS.labels(kind, event).inc(),
    )


def make_ending(parts: Parts) -> Ending:
    """Ends visits whose call is over."""
    return Ending(visits=parts.visits, kept=parts.meetings.kept)


def make_afterwards(parts: Parts) -> Afterwards:
    """Looks after meetings whose call is over."""
    meetings, cloud = parts.meetings, make_cloud(parts)
    return Afterwards(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        visits=parts.visits,
        kept=meetings.kept,
        accounts=meetings.settings,
        people=meetings.bindings,
        cloud=cloud,
        watching=make_subscriptions(parts, cloud, meetings.settings),
        call_over=make_applying(parts).call_over,
    )
