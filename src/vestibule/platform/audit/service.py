"""Writing the audit down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vestibule.kit.clock import Clock, SystemClock
from vestibule.platform.audit.model import Actor, Entry, Outcome, clean, clean_detail
from vestibule.platform.audit.store import appending
from vestibule.platform.db import Tx


class Audit:
    """The audit of every organisation; one for the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Tell the time by `clock`."""
        self._clock = clock or SystemClock()

    def note(
        self,
        tx: Tx,
        action: str,
        *,
        by: Actor,
        about: tuple[str, Any] = ("", ""),
        outcome: Outcome = Outcome.SUCCESS,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """Note an act of the organisation `tx` is bound to; it is written with the commit of the transaction, or neither of them is.

        Args:
            tx: of the act itself.
            action: `thing.verb`, e.g. `connection.approved`; every action is documented in docs/reference/audit.md.
            by: who.
            about: kind and id of the thing.
            outcome: how it ended.
            detail: a few short words more, never patient data or secrets.
        """
        if tx.tenant is None:
            raise RuntimeError("the audit belongs to an organisation: use db.tenant(...)")
        who = Actor(clean(by.kind), clean(by.id), clean(by.session), clean(by.address), clean(by.reference))
        kind, thing = clean(str(about[0])), clean(str(about[1]))
        tx.with_commit(appending, Entry(self._clock.now(), who, clean(action), kind, thing, outcome, clean_detail(detail or {})))
