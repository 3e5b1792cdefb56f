-- The transactional outbox. An effect is written in the transaction that causes it; workers do it, outside any transaction.

create table effects (
    tenant_id     uuid not null,
    id            uuid not null,
    seq           bigint generated always as identity,
    visit_id      uuid,
    kind          text not null,
    destination   text not null,
    promise       text not null check (promise in ('status', 'create', 'text')),
    key           text not null,
    about         text not null default '',
    payload       jsonb not null,
    state         text not null default 'ready' check (state in ('ready', 'running', 'done', 'dead', 'unknown', 'cancelled')),
    -- Whether later effects of its lane (visit and destination) must wait for it. A dead or unknown create does: what follows
    -- builds on what it should have made. A dead status does not: the next one tells the newer truth. A text stands alone.
    holds         boolean not null generated always as
                  (state in ('ready', 'running') or (promise = 'create' and state in ('dead', 'unknown'))) stored,
    attempts      integer not null default 0,
    fence         bigint not null default 0,
    code          text not null default '',
    worker        text not null default '',
    due_at        timestamptz not null,
    run_at        timestamptz not null,
    started_at    timestamptz,
    lease_until   timestamptz,
    created_at    timestamptz not null default now(),
    ended_at      timestamptz,
    -- Ids are ordered by time, so the newest of a tenant are read from the end of this index.
    primary key (tenant_id, id),
    unique (tenant_id, key),
    check ((state = 'running') = (lease_until is not null)),
    check ((state in ('ready', 'running')) = (ended_at is null))
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

comment on column effects.about is 'What a status tells about: an older one of the same lane and subject is never told after a newer one.';
comment on column effects.due_at is 'When it was meant to happen; run_at is when it may be tried next (never earlier).';
comment on column effects.fence is 'Grows with every claim; only the holder of the present value may complete the effect.';

create index effect_due on effects (run_at) where state = 'ready';
create index effect_lane on effects (tenant_id, visit_id, destination, seq) where holds and visit_id is not null;
create index effect_leased on effects (lease_until) where state = 'running';
-- What a person must look at: the few that have failed.
create index effect_failed on effects (tenant_id, id) where state in ('dead', 'unknown');
create index effect_visit on effects (tenant_id, visit_id, seq) where visit_id is not null;

-- What was tried, when, by which worker or person, and how it ended. Rows are written with the effect's own change, so that no foreign
-- key has to prove what the statement has just done; it would cost a row lock an attempt.
create table effect_attempts (
    tenant_id   uuid not null,
    effect_id   uuid not null,
    number      bigint not null,
    outcome     text not null,
    code        text not null default '',
    by          text not null default '',
    started_at  timestamptz not null,
    ended_at    timestamptz not null default clock_timestamp(),
    id          bigint generated always as identity,
    primary key (tenant_id, effect_id, id)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);

alter table effects enable row level security;
alter table effect_attempts enable row level security;
create policy effect_tenant on effects to vestibule_app
    using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
create policy effect_attempt_tenant on effect_attempts to vestibule_app
    using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
create policy effect_dispatch on effects to vestibule_dispatch using (true) with check (true);
create policy effect_attempt_dispatch on effect_attempts for insert to vestibule_dispatch with check (true);

grant select, insert, update, delete on effects, effect_attempts to vestibule_app;
grant select, update on effects to vestibule_dispatch;
grant insert on effect_attempts to vestibule_dispatch;
