-- Organisations, their departments and EHR connections, sessions and one-time tickets, and the heartbeat of the health check.
--
-- Every tenant table carries tenant_id and a policy that shows a transaction its own tenant's rows only. The whose_* functions
-- run as the owner and answer one question: to which tenant does this (unguessable or public) name belong? Nothing else leaves them.

create table tenants (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  support_phone text not null default '' check (length(support_phone) <= 40),
  created_at timestamptz not null default now()
);
alter table tenants enable row level security;
create policy own on tenants using (id = vestibule_tenant()) with check (id = vestibule_tenant());
grant select, insert, update on tenants to vestibule_app;

create table departments (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  zone text not null,
  external text not null default '',
  primary key (tenant_id, id)
);
create unique index departments_external on departments (tenant_id, external) where external <> '';
alter table departments enable row level security;
create policy own on departments using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on departments to vestibule_app;

create table connections (
  tenant_id uuid not null references tenants (id),
  id uuid not null unique,
  name text not null,
  vendor text not null,
  environment text not null,
  iss text not null,
  frame_ancestors text[] not null default '{}',
  provider_client_id text not null default '',
  patient_client_id text not null default '',
  backend_client_id text not null default '',
  client_auth text not null,
  client_secret bytea,  -- sealed
  authorize_url text not null default '',
  token_url text not null default '',
  join_early_minutes integer not null check (join_early_minutes between 0 and 10080),
  join_late_minutes integer not null check (join_late_minutes between 0 and 10080),
  profile jsonb not null default '{}',
  primary key (tenant_id, id),
  unique (tenant_id, iss)
);
create index connections_iss on connections (iss);
alter table connections enable row level security;
create policy own on connections using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on connections to vestibule_app;

create table signing_keys (
  tenant_id uuid not null,
  connection_id uuid not null,
  kid text not null,
  alg text not null,
  sealed bytea not null,  -- the private JWK
  active_from timestamptz not null,
  retires_at timestamptz,
  primary key (tenant_id, connection_id, kid),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);
alter table signing_keys enable row level security;
create policy own on signing_keys using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on signing_keys to vestibule_app;

create table sessions (
  tenant_id uuid not null references tenants (id),
  id uuid not null unique,
  secret_hash bytea not null,
  role text not null,
  visit_id uuid,
  participant_id uuid,
  connection_id uuid,
  department_id uuid,
  framed boolean not null default false,
  frame_origins text[] not null default '{}',
  opened_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  closed_at timestamptz,
  primary key (tenant_id, id)
);
create index sessions_visit on sessions (tenant_id, visit_id) where closed_at is null;
create index sessions_expiry on sessions (tenant_id, expires_at);
alter table sessions enable row level security;
create policy own on sessions using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on sessions to vestibule_app;

create table tickets (
  tenant_id uuid not null references tenants (id),
  hash bytea not null unique,
  role text not null,
  visit_id uuid,
  participant_id uuid,
  connection_id uuid,
  department_id uuid,
  purpose text not null,
  destination text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash)
);
create index tickets_expiry on tickets (tenant_id, expires_at);
alter table tickets enable row level security;
create policy own on tickets using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on tickets to vestibule_app;

-- One row a node, written by the health check to prove that writes commit. It says nothing about any tenant.
create table heartbeats (
  node uuid primary key,
  beat_at timestamptz not null
);
grant select, insert, update, delete on heartbeats to vestibule_app;

create function whose_session(sid uuid) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from sessions where id = sid $$;

create function whose_ticket(ticket_hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from tickets where hash = ticket_hash $$;

create function whose_iss(wanted text) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where iss = wanted order by tenant_id $$;

create function whose_connection(wanted uuid) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where id = wanted $$;

create function whose_tenants() returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select id from tenants order by id $$;

revoke all on function whose_session(uuid), whose_ticket(bytea), whose_iss(text), whose_connection(uuid), whose_tenants() from public;
grant execute on function whose_session(uuid), whose_ticket(bytea), whose_iss(text), whose_connection(uuid), whose_tenants() to vestibule_app;
