"""The SQL of the effects, apart from the code that runs it, so that each can be read whole.

Leases and due times are read from the database's clock, the only one that all nodes share.
"""

ENQUEUE = """
with added as (
    insert into effects (id, tenant_id, visit_id, kind, destination, promise, key, about, payload, due_at, run_at)
    values ($2, $1, $3, $4, $5, $6, $7, $8, $9::text::jsonb, coalesce($10, now()), coalesce($10, now()))
    on conflict (tenant_id, key) do nothing
    returning id
)
select id, pg_notify('vestibule_effect', '') from added
"""

# Rows that are looked up by their key are asked for `lease_until` and `ended_at` instead of `state` (constraints of the table say that it
# comes to the same): a condition on `state` would offer the planner a partial index to walk for every single one of them.

# The candidates are read without a lock and locked afterwards; the second look at them is made on the newest
# version of the row, so that two workers never hold the same effect. "Head of its lane" is a scalar subquery on purpose:
# one index probe a candidate whatever the planner believes about the table. One that is planned for later and has not been
# tried yet does not hold its lane: tomorrow's reminder must not keep today's cancellation waiting.
CLAIM = """
with due as materialized (
    select e.tenant_id, e.id, e.destination, e.run_at, e.seq
    from effects e
    where e.state = 'ready' and e.run_at <= now() and e.kind = any($1::text[]) and e.destination <> all($2::text[])
      and (e.visit_id is null or e.seq = (
            select b.seq from effects b
            where b.tenant_id = e.tenant_id and b.visit_id = e.visit_id and b.destination = e.destination and b.holds
              and (b.state <> 'ready' or b.attempts > 0 or b.run_at <= now())
            order by b.seq limit 1))
    order by e.run_at
    limit 2 * $5::integer
), ranked as (
    select due.tenant_id, due.id,
        coalesce(busy.n, 0) + row_number() over (partition by due.destination order by due.run_at, due.seq) as place
    from due left join unnest($3::text[], $4::integer[]) as busy (destination, n) on busy.destination = due.destination
), picked as materialized (
    select e.tenant_id, e.id from effects e join ranked on ranked.tenant_id = e.tenant_id and ranked.id = e.id
    where ranked.place <= $6 and e.lease_until is null and e.ended_at is null and e.run_at <= now()
    order by e.run_at, e.seq
    limit $5
    for update of e skip locked
)
update effects e
set state = 'running', fence = e.fence + 1, attempts = e.attempts + 1, worker = $7, started_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => $8)
from picked where e.tenant_id = picked.tenant_id and e.id = picked.id
returning e.id, e.tenant_id, e.visit_id, e.kind, e.destination, e.promise, e.key, e.payload, e.attempts, e.created_at, e.fence, e.seq,
    e.code, extract(epoch from clock_timestamp() - e.run_at)::double precision as late
"""

# A worker that lives says so for what takes it long; where the fence has moved on, it says so in vain.
RENEW = """
update effects e set lease_until = clock_timestamp() + make_interval(secs => $4)
from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as mine (tenant_id, id, fence)
where e.tenant_id = mine.tenant_id and e.id = mine.id and e.fence = mine.fence and e.lease_until is not null
"""

# A status or create whose worker vanished is tried again; a text's outcome is open from then on.
RESCUE = """
with lost as materialized (
    select tenant_id, id from effects where state = 'running' and lease_until < now() order by lease_until limit 500 for update skip locked
), freed as (
    update effects e
    set state = case when e.promise = 'text' then 'unknown' when e.attempts >= $1 then 'dead' else 'ready' end,
        code = $2, run_at = now(), lease_until = null,
        ended_at = case when e.promise = 'text' or e.attempts >= $1 then now() end
    from lost where e.tenant_id = lost.tenant_id and e.id = lost.id
    returning e.id, e.tenant_id, e.kind, e.state, e.fence, e.worker, e.started_at
), logged as (
    insert into effect_attempts (tenant_id, effect_id, number, outcome, code, by, started_at)
    select tenant_id, id, fence, 'lost', $2, worker, started_at from freed
)
select kind, state from freed
"""

# The fence is the proof that the effect is still ours: a worker that comes late changes nothing and logs nothing.
FINISH = """
with told as (
    select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::double precision[])
        as t (tenant_id, id, fence, state, code, delay)
), ended as (
    update effects e
    set state = told.state, code = told.code, lease_until = null,
        run_at = case when told.state = 'ready' then clock_timestamp() + make_interval(secs => told.delay) else e.run_at end,
        ended_at = case when told.state = 'ready' then null else clock_timestamp() end
    from told
    where e.tenant_id = told.tenant_id and e.id = told.id and e.fence = told.fence and e.lease_until is not null
    returning e.id, e.tenant_id, e.fence, e.state, e.code, e.worker, e.started_at
), logged as (
    insert into effect_attempts (tenant_id, effect_id, number, outcome, code, by, started_at)
    select tenant_id, id, fence, case state when 'ready' then 'retry' else state end, code, worker, started_at from ended
)
select id from ended
"""

# A retrying head holds its lane; moving the others' due time along keeps every poll from looking at them in vain.
PARK = """
update effects e set run_at = head.run_at
from effects head
where head.tenant_id = any($1::uuid[]) and head.id = any($2::uuid[]) and head.state = 'ready' and head.visit_id is not null
  and e.tenant_id = head.tenant_id and e.visit_id = head.visit_id and e.destination = head.destination
  and e.holds and e.state = 'ready' and e.seq > head.seq and e.run_at < head.run_at
"""

NEXT_DUE = """
select extract(epoch from least(
    (select min(run_at) from effects where state = 'ready' and run_at > now()),
    (select min(lease_until) from effects where state = 'running')) - now())::double precision
"""

# A status that something newer about the same subject has overtaken: telling it now would make the record wrong.
_OVERTAKEN = """(e.promise = 'status' and exists (
    select from effects n where n.tenant_id = e.tenant_id and n.visit_id = e.visit_id and n.destination = e.destination
        and n.about = e.about and n.seq > e.seq and n.state <> 'cancelled'))"""

_ROW = f"""e.id, e.visit_id, e.kind, e.destination, e.promise, e.key, e.payload, e.state, e.attempts, e.code, e.created_at, e.run_at,
    e.ended_at, e.state in ('dead', 'unknown') and {_OVERTAKEN} as overtaken"""

# Ids are ordered by the millisecond; those of one millisecond are put in order afterwards.
LIST = f"""
select * from (
    select {_ROW}, e.seq from effects e
    where e.tenant_id = $1 and ($2::text[] is null or e.state = any($2)) and ($3::uuid is null or e.visit_id = $3)
        and ($5::text[] is null or e.kind = any($5))
    order by e.id desc limit $4) as newest
order by seq desc
"""  # noqa: S608  only constants are put in, here and below

FAILED = f"""
select count(*) from effects e
where e.tenant_id = $1 and e.state in ('dead', 'unknown') and ($2::text[] is null or e.kind = any($2)) and not {_OVERTAKEN}
"""  # noqa: S608

LOCK = f"select {_ROW}, e.fence from effects e where e.tenant_id = $1 and e.id = $2 for update of e"  # noqa: S608

SET_STATE = """
update effects set state = $3::text, attempts = case when $3::text = 'ready' then 0 else attempts end, run_at = now(), code = '',
    ended_at = case when $3::text = 'ready' then null else now() end
where tenant_id = $1 and id = $2
"""

# Only what waits can be meant for another time; what runs is too late, and what is over stays over.
POSTPONE = """
update effects set due_at = $3, run_at = $3 where tenant_id = $1 and id = $2 and lease_until is null and ended_at is null returning id
"""

# Those behind a head that a person has dealt with need not wait out its back-off.
UNPARK = """
update effects e set run_at = e.due_at
from effects head
where head.tenant_id = $1 and head.id = $2 and head.visit_id is not null
  and e.tenant_id = $1 and e.visit_id = head.visit_id and e.destination = head.destination
  and e.holds and e.state = 'ready' and e.seq > head.seq and e.attempts = 0 and e.run_at > e.due_at
"""

# Their order among each other and with those of the other visit is the order in which they were enqueued.
MOVE = "update effects set visit_id = $3 where tenant_id = $1 and visit_id = $2"

OWED = f"""
select exists (select from effects e
    where e.tenant_id = $1 and e.visit_id = $2 and e.kind = $3
        and (e.holds or e.state in ('dead', 'unknown') and not {_OVERTAKEN}))
"""  # noqa: S608

LOG = """
insert into effect_attempts (tenant_id, effect_id, number, outcome, by, started_at) values ($1, $2, $3, $4, $5, now())
"""

ATTEMPTS = """
select effect_id, number, outcome, code, started_at, ended_at, by from effect_attempts
where tenant_id = $1 and effect_id = any($2::uuid[]) order by effect_id, id
"""
