"""What the audit hears without being told: every step of a visit that lets somebody nearer to it or keeps them away, every refusal."""

from __future__ import annotations

from typing import Any, Final

from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.platform.audit import Audit, Outcome, Repeats, acting
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import EventKind, Visit, VisitEvent

# Kind of event -> action; what a visit's own list tells besides (device checks, messages, the record's answers) is nobody's access.
ACTIONS: Final = {
    EventKind.JOINED: "visit.joined",
    EventKind.ARRIVED: "visit.arrived",
    EventKind.HELD: "visit.held",
    EventKind.ADMITTED: "visit.admitted",
    EventKind.PUT_BACK: "visit.put-back",
    EventKind.REMOVED: "visit.removed",
    EventKind.CONNECTED: "visit.connected",
    EventKind.LEFT: "visit.left",
    EventKind.ENDED: "visit.ended",
    EventKind.CANCELLED: "visit.cancelled",
    EventKind.MERGED: "visit.merged",
    EventKind.RESCHEDULED: "visit.rescheduled",
    EventKind.OUTCOME_MARKED: "visit.outcome-marked",
    EventKind.CONTACT_ERASED: "contact.erased",
    EventKind.LINK_MADE: "link.made",
    EventKind.LINK_REVOKED: "link.revoked",
}
# Of an event's body, what the audit repeats: ids and codes.
_TOLD: Final = ("role", "link", "outcome", "why", "reason", "from")
_MOST: Final = 10  # refusals of one session noted in a minute


class Witness:
    """Notes what others do not note themselves."""

    def __init__(self, *, db: Database, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._repeats = Repeats(clock, most=_MOST)

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits: runs in the transaction that writes the event."""
        if event.kind not in ACTIONS:
            return
        who = visit.person(event.participant) if event.participant else None
        detail = {name: str(event.body[name]) for name in _TOLD if name in event.body}
        if who is not None:
            detail |= {"participant": str(who.id), "role": who.role.value}
        self._audit.note(tx, ACTIONS[event.kind], by=acting(), about=("visit", visit.id), detail=detail)

    async def on_refusal(self, scope: Any, refusal: VestibuleError) -> None:
        """Somebody may not do what they asked.

        Only a proved session or token counts, or a known session whose cookie somebody does not have though they hold others: who
        merely knocks is not written down, or everybody could fill the list.
        """
        state = scope["state"]
        proved, claimed = state.get("principal"), state.get("claimed")
        who = proved or claimed
        more = None if who is None else self._repeats.detail((_name(who), proved is None))
        if who is None or more is None:
            return
        detail = {"code": refusal.code, "route": str(scope.get("path_template") or ""), **more}
        async with self._db.tenant(who.tenant) as tx:
            if proved is None:
                about = ("session", _name(who))
                self._audit.note(tx, "access.crossed", by=acting(), about=about, outcome=Outcome.REFUSED, detail=detail)
            else:
                self._audit.note(tx, "access.refused", by=acting(), outcome=Outcome.REFUSED, detail=detail)


def _name(who: Any) -> str:
    return str(getattr(who, "session", None) or getattr(who, "token", None) or "")
