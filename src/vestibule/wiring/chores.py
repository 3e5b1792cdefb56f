"""What the worker tidies up: each chore asks which organisations have something to do, and goes to those only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from vestibule.errors import VestibuleError
from vestibule.feed.forgetting import FeedForgetting
from vestibule.kit.ids import TenantId
from vestibule.launch.service import Launches
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.portal.sweeping import EhrSignInSweep
from vestibule.retention.service import Retention
from vestibule.wiring.launching import make_launches
from vestibule.wiring.meeting import make_afterwards, make_ending
from vestibule.wiring.messaging import make_outcomes, make_receipts
from vestibule.wiring.parts import Parts
from vestibule.wiring.signing_in import make_sign_ins
from vestibule.wiring.teams_notices import make_applying, make_delays, make_subscriptions
from vestibule.wiring.teams_people import make_microsoft_sign_ins

_FIRST: Final = TenantId(UUID(int=0))
_PORTION: Final = 500  # organisations that are named at once


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that organisations have to do now and then.

    Attributes:
        due: the next organisations behind one that have it to do, at most so many.
        do: does it for one.
    """

    name: str
    due: Callable[[Database, TenantId, int], Awaitable[list[TenantId]]]
    do: Callable[[Database, TenantId], Awaitable[Any]]


class Tidying:
    """The slow chores of a worker."""

    def __init__(self, parts: Parts, *, launches: Launches | None = None, portion: int = _PORTION) -> None:
        """Say what it works with.

        Args:
            parts: of this process.
            launches: made of them, where not given.
            portion: how many organisations to name at once.
        """
        retention = Retention(visits=parts.visits, tenancy=parts.tenancy, clock=parts.clock)
        launches, ehr = launches or make_launches(parts), EhrSignInSweep(parts.clock)
        feed, contacts = FeedForgetting(parts.clock), parts.messages.forgetting
        outcomes, receipts, ending = make_outcomes(parts), make_receipts(parts, {}), make_ending(parts)
        afterwards = make_afterwards(parts)
        subscriptions, delays, inbox = make_subscriptions(parts), make_delays(parts), parts.meetings.inbox
        calls = make_applying(parts)
        self._db = parts.db
        self._portion = portion
        self._sign_ins, microsoft = make_sign_ins(parts), make_microsoft_sign_ins(parts)
        self.chores: Sequence[Chore] = (
            Chore("visits-over", retention.due_to_end, retention.end_overdue),
            Chore("people-forgotten", retention.due_to_forget, retention.forget),
            Chore("sessions-swept", parts.identity.due, _within(parts.identity.sweep)),
            Chore("tokens-swept", parts.tokens.due, _within(parts.tokens.sweep)),
            Chore("launches-forgotten", launches.due, _within(launches.forget)),
            Chore("ehr-sign-ins-swept", ehr.due, _within(ehr.sweep)),
            Chore("microsoft-sign-ins-swept", microsoft.due, _within(microsoft.sweep)),
            Chore("feed-bodies-erased", feed.due_bodies, _within(feed.erase_bodies)),
            Chore("feed-forgotten", feed.due_rows, _within(feed.forget)),
            Chore("contacts-forgotten", contacts.due, contacts.forget),
            Chore("receipts-forgotten", receipts.due, _within(receipts.sweep)),
            Chore("meeting-notices-forgotten", inbox.whose_old, _within(inbox.forget)),
            Chore("meetings-forgotten", parts.meetings.kept.whose_to_forget, parts.meetings.kept.forget),
            Chore("meeting-keys-renewed", subscriptions.whose_keys_end, subscriptions.renew_keys),
        )
        self.quick: Sequence[Chore] = (
            Chore("messages-planned-anew", parts.messages.due_to_replan, parts.messages.replan_due),
            Chore("messages-lost", outcomes.whose_lost, outcomes.find_lost),
            Chore("visits-ended-elsewhere", ending.due, ending.do),
            Chore("meeting-subscriptions", subscriptions.due, subscriptions.renew),
            Chore("meeting-silence", delays.whose_silent, delays.find),
            Chore("meeting-calls-over", calls.whose_stale, calls.end_stale),
        )
        self._afterwards = Chore("meetings-afterwards", afterwards.due, afterwards.do)

    async def round(self) -> None:
        """Everything that is due now. What fails for one organisation, and it may fail for long, keeps no other's data a day longer."""
        for chore in self.chores:
            await attempt(chore.name, self._through(chore))
        await attempt("sign-ins-swept", self._sign_ins.sweep())

    async def quick_round(self) -> None:
        """What somebody may be waiting for."""
        for chore in self.quick:
            await attempt(chore.name, self._through(chore))

    async def afterwards_round(self) -> None:
        """What is asked of others, who may take their time."""
        await attempt(self._afterwards.name, self._through(self._afterwards))

    async def _through(self, chore: Chore) -> None:
        after = _FIRST
        while found := await chore.due(self._db, after, self._portion):
            for tenant in found:
                await attempt(chore.name, chore.do(self._db, tenant))
            if len(found) < self._portion:
                return
            after = found[-1]


async def attempt(name: str, work: Awaitable[object]) -> None:
    """One chore; that it failed is said, and it is tried again at its next turn."""
    try:
        await work
    except VestibuleError as error:
        log.warning("chore-failed", step=name, code=error.code)
    except Exception as error:  # noqa: BLE001  a mistake of ours in one chore must not end all of them for ever
        log.error("chore-failed", step=name, code="internal-error", exc_info=error)


def _within(work: Callable[[Tx], Awaitable[Any]]) -> Callable[[Database, TenantId], Awaitable[Any]]:
    """What works in a transaction of the organisation."""

    async def do(db: Database, tenant: TenantId) -> Any:
        async with db.tenant(tenant) as tx:
            return await work(tx)

    return do
