"""The audit's SQL."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vestibule.platform.audit.model import Entry, content_hash, moment


def appending(entries: Sequence[Entry]) -> str:
    """The statement that appends these to the chain of the transaction's tenant. It stands alone: a parameter would cost a round trip.

    What the entries say goes over in hexadecimal, in which nothing can be mistaken for SQL.
    """
    text = msgspec.json.encode([_row(entry) for entry in entries]).hex()
    return f"select audit_append(convert_from(decode('{text}', 'hex'), 'UTF8')::jsonb)"


def _row(entry: Entry) -> dict[str, object]:
    who = entry.actor
    return {
        "at": moment(entry.at),
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_session": who.session,
        "actor_address": who.address,
        "reference": who.reference,
        "action": entry.action,
        "about_kind": entry.about_kind,
        "about_id": entry.about_id,
        "outcome": entry.outcome.value,
        "detail": entry.detail,
        "content": content_hash(entry).hex(),
    }
