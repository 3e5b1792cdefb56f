-- Versions of connections and their approval. A row of `connections` is what is in force; while nothing ever was, it mirrors the draft.

alter table connections
  add column fhir_version text not null default '',
  add column shared_with uuid[] not null default '{}',
  add column serving boolean not null default true,
  add column version integer not null default 0,
  add column newest integer not null default 0,
  add column newest_iss text not null default '',
  add column newest_state text not null default 'approved'
    check (newest_state in ('draft', 'awaiting', 'approved', 'rejected', 'replaced')),
  add column revision integer not null default 0,
  add column iss_since timestamptz not null default now(),
  add column changed_at timestamptz not null default now(),
  add column removed_at timestamptz,
  add check (not (serving and removed_at is not null));

-- Two drafts may be about one address for a while; two that serve may not.
alter table connections drop constraint connections_tenant_id_iss_key;
create unique index connections_serving_iss on connections (tenant_id, iss) where serving;
create index connections_newest_iss on connections (newest_iss) where removed_at is null;
create index connections_by_name on connections (tenant_id, lower(name), id) where removed_at is null;

create table connection_versions (
  tenant_id uuid not null,
  connection_id uuid not null,
  number integer not null check (number > 0),
  revision integer not null,
  state text not null check (state in ('draft', 'awaiting', 'approved', 'rejected', 'replaced')),
  content jsonb not null,
  client_secret bytea,  -- sealed
  made_by uuid,
  authors uuid[] not null default '{}',
  changed_at timestamptz not null,
  submitted_by uuid,
  submitted_at timestamptz,
  decided_by uuid,
  decided_at timestamptz,
  reason text not null default '' check (length(reason) <= 500),
  primary key (tenant_id, connection_id, number),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);
-- At most one version of a connection is in force, and at most one is being worked at.
create unique index connection_versions_in_force on connection_versions (tenant_id, connection_id) where state = 'approved';
create unique index connection_versions_open on connection_versions (tenant_id, connection_id) where state in ('draft', 'awaiting');
alter table connection_versions enable row level security;
create policy own on connection_versions to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update on connection_versions to vestibule_app;

-- What served before there were versions is version 1.
insert into connection_versions (tenant_id, connection_id, number, revision, state, content, client_secret, changed_at, decided_at)
  select tenant_id, id, 1, 1, 'approved', jsonb_build_object(
      'name', name, 'vendor', vendor, 'environment', environment, 'iss', iss, 'fhir_version', '',
      'frame_ancestors', to_jsonb(frame_ancestors), 'provider_client_id', provider_client_id, 'patient_client_id', patient_client_id,
      'backend_client_id', backend_client_id, 'client_auth', client_auth, 'authorize_url', authorize_url, 'token_url', token_url,
      'join_early_minutes', join_early_minutes, 'join_late_minutes', join_late_minutes, 'profile', profile,
      'approver', null, 'shared_with', '[]'::jsonb), client_secret, now(), now()
  from connections;
update connections set version = 1, newest = 1, revision = 1, newest_iss = iss;

-- Only what serves answers a launch.
create or replace function whose_iss(wanted text) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where iss = wanted and serving order by tenant_id $$;

-- Is somebody about to connect this record? Then a launch is told to wait, not that it is lost.
create function whose_waiting(wanted text) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from connections where newest_iss = wanted and wanted <> '' and removed_at is null order by tenant_id $$;

-- May an organisation connect to this record? Whoever served it first decides with whom they share it.
create function iss_is_open_to(asking uuid, wanted text) returns boolean
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select coalesce(
      (select tenant_id = asking or asking = any (shared_with)
       from connections where iss = wanted and serving order by iss_since, id limit 1), true)
  $$;

revoke all on function whose_waiting(text), iss_is_open_to(uuid, text) from public;
grant execute on function whose_waiting(text), iss_is_open_to(uuid, text) to vestibule_app;
