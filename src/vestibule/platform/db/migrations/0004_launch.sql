-- Every attempt to launch from a record: what it needs between the two halves (sealed, and erased at its use), how far it came, and how
-- it ended. Nothing here says who the patient is.

create table launches (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  connection_id uuid not null,
  kind text not null check (kind in ('provider', 'patient')),
  reference text not null,
  state_hash bytea unique,
  browser_hash bytea,
  -- Null once an attempt died before it left for the record: then the same button may be pressed again.
  launch_hash bytea,
  sealed bytea,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  ended_at timestamptz,
  outcome text not null default 'open' check (outcome in ('open', 'joined', 'failed')),
  phase text not null default '',
  code text not null default '',
  phases jsonb not null default '[]',
  visit_id uuid,
  primary key (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);
create unique index launches_value_once on launches (tenant_id, connection_id, launch_hash);
create index launches_by_start on launches (tenant_id, started_at);
create index launches_by_reference on launches (tenant_id, reference);
alter table launches enable row level security;
create policy own on launches to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on launches to vestibule_app;

-- Whose an attempt is; the rest is then read inside that tenant.
create function whose_launch(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from launches where state_hash = hash $$;
revoke all on function whose_launch(bytea) from public;
grant execute on function whose_launch(bytea) to vestibule_app;
