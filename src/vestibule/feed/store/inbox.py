"""What is taken: rows of `feed_inbox`, written for every tenant at once by the group's one writer."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from vestibule.feed.model import CHANNEL
from vestibule.kit.ids import ConnectionId, TenantId


class Entry(NamedTuple):
    """A row, in the order in which the statements take its columns."""

    tenant: TenantId
    connection: ConnectionId
    name: bytes
    control_id: str
    body: bytes
    body_hash: bytes
    size: int
    via: str
    certificate: UUID | None


_COLUMNS: Final = "tenant_id, connection_id, name, control_id, body, body_hash, size, via, certificate_id"
_GIVEN: Final = "unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[], $7::int[], $8::text[], $9::uuid[])"

_NEW: Final = """
with fresh as (
  insert into feed_inbox ({columns}) {given}
  on conflict (tenant_id, connection_id, name) where not twin do nothing
  returning name
)
select f.name, (select pg_notify('{channel}', '')) from fresh f
"""
# New names are taken; those that stand here already are left alone, and which they are is seen by what is missing in the answer.
# The worker hears of it with the commit; the subselect is evaluated once, and only when something was new.
INSERT: Final = _NEW.format(columns=_COLUMNS, given=f"select * from {_GIVEN}", channel=CHANNEL)
# The same for one message, as in a quiet moment: half the work for the server.
INSERT_ONE: Final = _NEW.format(columns=_COLUMNS, given="values ($1, $2, $3, $4, $5, $6, $7, $8, $9)", channel=CHANNEL)

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
