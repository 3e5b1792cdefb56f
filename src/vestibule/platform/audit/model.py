"""What an audit entry is made of, as plain data, and the bytes its hash is taken over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from vestibule.kit.ids import TenantId

GENESIS: Final = bytes(32)  # what the first entry of a chain comes after
_TAG: Final = b"vestibule-audit-1"  # the encoding's name; another way to encode gets another name
_LONGEST: Final = 200
_MOST_DETAILS: Final = 12


class Outcome(StrEnum):
    """How an act ended (FHIR R4 AuditEvent.outcome: 0, 4, 8)."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by ids only: no name, no e-mail address, no patient data.

    Attributes:
        kind: `staff`, `visitor` (a visit's session), `token` (the API), `record` (an EHR), `carrier` (of messages), `system`, or `nobody`
            (not signed in).
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One act, as it is written down.

    Attributes:
        at: when it was noted; UTC, to the microsecond.
        action: `thing.verb`.
        about_kind: what kind of thing it was done to.
        detail: short words.
    """

    at: datetime
    actor: Actor
    action: str
    about_kind: str = ""
    about_id: str = ""
    outcome: Outcome = Outcome.SUCCESS
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it stands in the chain."""

    seq: int
    entry: Entry
    previous: bytes
    hash: bytes


def clean(text: str) -> str:
    """A short text that any database and any encoding can hold: no control characters, no halves of characters."""
    sound = text[:_LONGEST].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in sound)


def clean_detail(detail: Mapping[str, Any]) -> dict[str, str]:
    """Details made short and sound."""
    return {clean(str(name)): clean(str(value)) for name, value in list(detail.items())[:_MOST_DETAILS]}


def moment(at: datetime) -> str:
    """A time as the encoding has it: UTC, always six digits of a second."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def content_hash(entry: Entry) -> bytes:
    """SHA-256 over what an entry says: the encoding's name, then each text in UTF-8 with its length before it (4 bytes, big-endian).

    The texts, in order: time, the actor's kind, id, session and address, the reference, the action, kind and id of what it is about,
    the outcome, and the details by name (in the order of their code points), each name before its value.
    """
    who = entry.actor
    texts = [moment(entry.at), who.kind, who.id, who.session, who.address, who.reference]
    texts += [entry.action, entry.about_kind, entry.about_id, entry.outcome.value]
    for name in sorted(entry.detail):
        texts += [name, entry.detail[name]]
    whole = bytearray(_TAG)
    for text in texts:
        encoded = text.encode()
        whole += len(encoded).to_bytes(4, "big") + encoded
    return hashlib.sha256(whole).digest()


def chain_hash(previous: bytes, tenant: TenantId, seq: int, content: bytes) -> bytes:
    """The hash of an entry in its place: every part has a fixed length, so no two places look alike."""
    return hashlib.sha256(previous + tenant.bytes + seq.to_bytes(8, "big") + content).digest()


def actor_from(state: Mapping[str, Any]) -> Actor:
    """The actor of a request, from what the web's front and guard have put into its state."""
    address, reference = str(state.get("client") or ""), str(state.get("reference", ""))
    who, proved = state.get("principal"), state.get("proved")
    known = proved if isinstance(proved, Actor) else Actor("nobody") if who is None else named(who)
    return Actor(known.kind, known.id, known.session, address, reference)


def named(who: Any) -> Actor:
    """The actor that a proved session or program is, wherever it asks from."""
    kind = "token" if getattr(who, "token", None) else "staff" if getattr(who, "member", None) else "visitor"
    known = getattr(who, "token", None) or getattr(who, "member", None) or getattr(who, "participant", None) or ""
    return Actor(kind, str(known), str(getattr(who, "session", "") or ""))
