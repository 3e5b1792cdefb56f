-- Visits: what they are called outside, who is in them, and the append-only list of everything that happened.

create table visits (
  tenant_id uuid not null,
  id uuid not null,
  connection_id uuid,
  department_id uuid,
  state text not null default 'scheduled' check (state in ('scheduled', 'open', 'ended', 'cancelled')),
  seq bigint not null default 0,
  starts_at timestamptz,
  ends_at timestamptz,
  created_at timestamptz not null,
  opened_at timestamptz,
  ended_at timestamptz,
  met_at timestamptz,
  outcome text check (outcome in ('completed', 'no_show', 'undetermined')),
  outcome_by_person boolean not null default false,
  merged_into uuid,
  primary key (tenant_id, id),
  foreign key (tenant_id, merged_into) references visits (tenant_id, id)
);
create index visits_by_day on visits (tenant_id, department_id, (coalesce(starts_at, created_at))) where merged_into is null;
create index visits_not_over on visits ((coalesce(ends_at, starts_at, created_at))) where state in ('scheduled', 'open') and merged_into is null;

create table visit_identifiers (
  tenant_id uuid not null,
  connection_id uuid not null,
  system text not null,
  value text not null,
  visit_id uuid not null,
  primary key (tenant_id, connection_id, system, value),
  foreign key (tenant_id, visit_id) references visits (tenant_id, id)
);
create index visit_identifiers_by_visit on visit_identifiers (tenant_id, visit_id);

-- name_sealed goes when the visit is over; person_sealed and person_key when the record has been told everything.
create table participants (
  tenant_id uuid not null,
  id uuid not null,
  visit_id uuid not null,
  role text not null check (role in ('provider', 'patient', 'interpreter', 'family', 'guest')),
  state text not null default 'expected'
    check (state in ('expected', 'testing', 'waiting', 'held', 'admitted', 'connected', 'disconnected', 'left', 'removed')),
  since timestamptz not null,
  arrived_at timestamptz,
  connected_at timestamptz,
  person_type text not null default '',
  person_sealed bytea,
  person_key bytea,
  door_key bytea,
  name_sealed bytea,
  checks jsonb not null default '{}',
  same_as uuid,
  primary key (tenant_id, id),
  foreign key (tenant_id, visit_id) references visits (tenant_id, id)
);
create index participants_by_visit on participants (tenant_id, visit_id);

create table visit_events (
  tenant_id uuid not null,
  visit_id uuid not null,
  seq bigint not null,
  at timestamptz not null,
  kind text not null,
  participant_id uuid,
  body jsonb not null default '{}',
  primary key (tenant_id, visit_id, seq),
  foreign key (tenant_id, visit_id) references visits (tenant_id, id)
);

create function visit_events_are_kept() returns trigger language plpgsql as $$
begin
  raise exception 'visit_events is append-only' using errcode = 'restrict_violation';
end
$$;
create trigger visit_events_are_kept before update or delete on visit_events for each row execute function visit_events_are_kept();
create trigger visit_events_are_not_truncated before truncate on visit_events for each statement execute function visit_events_are_kept();

create table visit_links (
  tenant_id uuid not null,
  id uuid not null,
  visit_id uuid not null,
  code_hash bytea not null unique,
  role text not null check (role in ('patient', 'interpreter', 'family', 'guest')),
  made_by uuid,
  made_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, visit_id) references visits (tenant_id, id)
);
create index visit_links_by_visit on visit_links (tenant_id, visit_id);

-- A promise of the node that holds somebody's socket: "they are still here, at least until then". A killed node cannot renew it.
create table presence (
  tenant_id uuid not null,
  participant_id uuid not null,
  visit_id uuid not null,
  holder text not null,
  until timestamptz not null,
  primary key (tenant_id, participant_id)
);
create index presence_by_until on presence (until);

do $$
declare
  wanted text;
begin
  foreach wanted in array array['visits', 'visit_identifiers', 'participants', 'visit_events', 'visit_links', 'presence'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
  end loop;
end
$$;

grant select, insert, update on visits, participants to vestibule_app;
grant select, insert, update, delete on visit_identifiers, presence to vestibule_app;
grant select, insert, update on visit_links to vestibule_app;
grant select, insert on visit_events to vestibule_app;

-- The reaper looks for promises that ran out, of every tenant; it sees ids and times only.
create policy every_tenant on presence to vestibule_dispatch using (true);
grant select on presence to vestibule_dispatch;

-- Whose a short link is; the link itself is then read inside that tenant.
create function whose_link(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from visit_links where code_hash = hash $$;
revoke all on function whose_link(bytea) from public;
grant execute on function whose_link(bytea) to vestibule_app;

-- Who is still known, for the day on which they must be forgotten.
create index participants_known on participants (tenant_id, visit_id)
  where person_sealed is not null or person_key is not null or name_sealed is not null;
