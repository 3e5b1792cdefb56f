"""The audit: who did what, to what, when, from where, and how it ended. Append-only and chained by hashes.

    audit.note(tx, "connection.approved", by=actor, about=("connection", connection.id), detail={"version": "4"})

An entry is written in the transaction of the act it tells of: what cannot be audited is not done.
"""

from vestibule.platform.audit.chain import Check, Flaw, Harm, Head
from vestibule.platform.audit.model import SYSTEM, Actor, Outcome, actor_from
from vestibule.platform.audit.present import acting, acting_as, answer_for, proved_to_be, refer_to
from vestibule.platform.audit.repeats import Repeats
from vestibule.platform.audit.service import Audit

__all__ = [
    "SYSTEM",
    "Actor",
    "Audit",
    "Check",
    "Flaw",
    "Harm",
    "Head",
    "Outcome",
    "Repeats",
    "acting",
    "acting_as",
    "actor_from",
    "answer_for",
    "proved_to_be",
    "refer_to",
]
