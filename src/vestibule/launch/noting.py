"""What the audit hears of launches: every one that brought somebody in, and those that did not, as far as strangers cannot flood it."""

from __future__ import annotations

from typing import Final

from vestibule.errors import NotAllowed, VestibuleError
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, VisitId
from vestibule.launch.model import Attempt
from vestibule.platform.audit import Audit, Outcome, Repeats, acting, acting_as
from vestibule.platform.db import Tx

_MOST: Final = 60  # failures of one organisation noted in a minute: anybody may press a button, or say that they did


class Noting:
    """Notes launches."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._repeats = Repeats(clock, most=_MOST)

    def joined(self, tx: Tx, attempt: Attempt, visit: VisitId, who: Principal) -> None:
        """Somebody came in."""
        detail = {"launch": str(attempt.id), "kind": attempt.kind.value, "role": who.role.value, "connection": str(attempt.connection)}
        self._audit.note(tx, "launch.joined", by=acting_as(who), about=("visit", visit), detail=detail)

    def failed(self, tx: Tx, kind: str, connection: ConnectionId, error: Exception) -> None:
        """Somebody did not; the code and phase say why, and the launch's own story, found by its reference, says more."""
        more = self._repeats.detail(tx.tenant)
        if more is None:
            return
        phase, code = (error.phase, error.code) if isinstance(error, VestibuleError) else ("launch.callback", "internal-error")
        outcome = Outcome.REFUSED if isinstance(error, NotAllowed) else Outcome.FAILED
        detail = {"kind": kind, "code": code, "phase": phase, **more}
        self._audit.note(tx, "launch.failed", by=acting(), about=("connection", connection), outcome=outcome, detail=detail)
