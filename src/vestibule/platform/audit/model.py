"""What an audit entry is made of, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How an act ended (FHIR R4 AuditEvent.outcome: 0, 4, 8)."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by ids only: no name, no e-mail address, no patient data.

    Attributes:
        kind: `staff`, `visitor` (a visit's session), `token` (the API), `record` (an EHR), `system`, or `nobody` (not signed in).
        id: the member's, participant's or token's id; empty where there is none.
        session: the session's public id.
        address: the client's network address; empty for the system.
        reference: the correlation id of the request.
    """

    kind: str
    id: str = ""
    session: str = ""
    address: str = ""
    reference: str = ""


SYSTEM = Actor("system")


def actor_from(state: Mapping[str, Any]) -> Actor:
    """The actor of a request, from what the web's front and guard have put into its state."""
    address, reference = str(state.get("client", "")), str(state.get("reference", ""))
    who = state.get("principal")
    if who is None:
        return Actor("nobody", address=address, reference=reference)
    kind = "token" if getattr(who, "token", None) else "staff" if getattr(who, "member", None) else "visitor"
    named = getattr(who, "token", None) or getattr(who, "member", None) or getattr(who, "participant", None) or ""
    return Actor(kind, str(named), str(getattr(who, "session", "") or ""), address, reference)
