"""What is taken: rows of `feed_inbox`, written for every tenant at once by the group's one writer."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from vestibule.feed.model import CHANNEL
from vestibule.kit.ids import ConnectionId, TenantId


class Origin(NamedTuple):
    """Where a message came from, and how; the messages of a batch have few."""

    tenant: TenantId
    connection: ConnectionId
    via: str
    certificate: UUID | None


class Entry(NamedTuple):
    """A row, in the order in which the statements take its columns."""

    origin: Origin
    name: bytes
    control_id: str
    body: bytes
    body_hash: bytes
    size: int


_COLUMNS: Final = "tenant_id, connection_id, via, certificate_id, name, control_id, body, body_hash, size"
_GIVEN: Final = "unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bytea[], $6::text[], $7::bytea[], $8::bytea[], $9::int[])"
# A new name is taken; one that stands here already is left alone.
_FRESH: Final = (
    "insert into feed_inbox ({columns}) {given} on conflict (tenant_id, connection_id, name) where not twin do nothing returning name"
)

# The worker hears of it with the commit, and only of what was new. `$5` says for each message which of the origins in `$1` to `$4` it has.
# Which names were new is told only where not all of them were.
_SPREAD: Final = (
    "select ($1::uuid[])[o], ($2::uuid[])[o], ($3::text[])[o], ($4::uuid[])[o], name, control_id, body, body_hash, size"
    " from unnest($5::int[], $6::bytea[], $7::text[], $8::bytea[], $9::bytea[], $10::int[])"
    " as g(o, name, control_id, body, body_hash, size)"
)
INSERT: Final = f"""
with fresh as ({_FRESH.format(columns=_COLUMNS, given=_SPREAD)}), counted as (select count(*) as many from fresh)
select case when c.many < cardinality($5::int[]) then array(select name from fresh) end,
  (select pg_notify('{CHANNEL}', '') where c.many > 0)
from counted c
"""
# The same for one message, as in a quiet moment: half the work for the server.
INSERT_ONE: Final = f"""
with fresh as ({_FRESH.format(columns=_COLUMNS, given="values ($1, $2, $3, $4, $5, $6, $7, $8, $9)")})
select f.name, (select pg_notify('{CHANNEL}', '')) from fresh f
"""

# Of names that stand here already: whether they stand for the same bytes. Where not, the newcomer is kept beside it as a twin.
SETTLE: Final = f"""
with given as materialized (select * from {_GIVEN} with ordinality as g({_COLUMNS}, n)),
known as (
  select g.n, i.body_hash = g.body_hash as same
  from given g join feed_inbox i on i.tenant_id = g.tenant_id and i.connection_id = g.connection_id and i.name = g.name and not i.twin
),
twins as (
  insert into feed_inbox ({_COLUMNS}, twin, state, code, processed_at)
  select {", ".join("g." + column.strip() for column in _COLUMNS.split(","))}, true, 'quarantined', 'hl7-control-id-reused', now()
  from given g join known k on k.n = g.n and not k.same
  on conflict (tenant_id, connection_id, name, body_hash) where twin do nothing
)
select n, same from known
"""
