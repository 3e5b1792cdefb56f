"""Finding entries. Whatever is asked for, an index gives the newest first, and reading stops when a page is full."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from vestibule.auditing.model import Wanted
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Outcome
from vestibule.platform.audit.model import Written
from vestibule.platform.audit.store import COLUMNS, written
from vestibule.platform.db import Tx

Place = tuple[datetime, int]
_NEWEST_FIRST: Final = "order by at desc, seq desc limit"
# Where a searched word may stand. The second half of each repeats what the index leaves out, so that PostgreSQL knows it may be used.
_ANYWHERE: Final = (
    "reference = {0} and reference <> ''",
    "about_id = {0} and about_id <> ''",
    "actor_id = {0} and actor_id <> ''",
    "actor_session = {0} and actor_session <> ''",
    "action = {0}",
)


class _Question:
    """A WHERE clause in the making: conditions that are ours, values that are not."""

    def __init__(self, tenant: TenantId) -> None:
        self.values: list[Any] = [tenant]
        self._conditions = ["tenant_id = $1"]

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition.format(*(self.value(v) for v in values)))

    def clause(self, *more: str) -> str:
        return " and ".join((*self._conditions, *more))


class AuditSearch:
    """Reads the list."""

    async def listing(self, tenant: TenantId, tx: Tx, wanted: Wanted, after: Place | None, limit: int) -> list[Written]:
        """The newest first, from a place on."""
        sql, values = listing_sql(tenant, wanted, after, limit)
        return [written(row) for row in await tx.fetch(sql, *values)]

    async def one(self, tenant: TenantId, tx: Tx, seq: int) -> Written | None:
        """One entry."""
        row = await tx.fetchrow(f"select {COLUMNS} from audit_entries where tenant_id = $1 and seq = $2", tenant, seq)
        return None if row is None else written(row)


def listing_sql(tenant: TenantId, wanted: Wanted, after: Place | None, limit: int) -> tuple[str, list[Any]]:
    """The statement of a page and its values."""
    question = _Question(tenant)
    for column, value in (("reference", wanted.reference), ("about_id", wanted.about), ("actor_id", wanted.actor)):
        if value:
            question.add(f"{column} = {{0}} and {column} <> ''", value)
    if wanted.action:
        question.add("action = {0}", wanted.action)
    if wanted.outcome is Outcome.SUCCESS:
        question.add("outcome = 'success'")
    elif wanted.outcome is not None:
        question.add("outcome = {0} and outcome <> 'success'", wanted.outcome.value)
    if wanted.since is not None:
        question.add("at >= {0}", wanted.since)
    if wanted.until is not None:
        question.add("at < {0}", wanted.until)
    if after is not None:
        question.add("(at, seq) < ({0}, {1})", *after)
    branches = _branches(question, wanted)
    page = question.value(limit)
    if not branches:
        return f"select {COLUMNS} from audit_entries where {question.clause()} {_NEWEST_FIRST} {page}", question.values
    parts = [f"(select {COLUMNS} from audit_entries where {question.clause(one)} {_NEWEST_FIRST} {page})" for one in branches]
    return f"select * from ({' union '.join(parts)}) found {_NEWEST_FIRST} {page}", question.values


def _branches(question: _Question, wanted: Wanted) -> list[str]:
    """A searched word may stand in several columns; each is looked up on its own index, and the first of each suffice."""
    if not wanted.search:
        return []
    word = question.value(wanted.search)
    people = [f"actor_id = {question.value(one)} and actor_id <> ''" for one in wanted.actors]
    return [one.format(word) for one in _ANYWHERE] + people
