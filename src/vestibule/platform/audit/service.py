"""Writing the audit down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vestibule.platform.audit.model import Actor, Outcome
from vestibule.platform.db import Tx


class Audit:
    """The audit of every organisation; one for the process."""

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
        """Note an act of the organisation `tx` is bound to; it is written just before the transaction commits, or not at all.

        Args:
            tx: of the act itself.
            action: `thing.verb`, e.g. `connection.approved`; every action is documented in docs/reference/audit.md.
            by: who.
            about: kind and id of the thing.
            outcome: how it ended.
            detail: a few short words more, never patient data or secrets.
        """
