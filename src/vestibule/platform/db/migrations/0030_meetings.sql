-- Visits that take place in Microsoft Teams: how an organisation is connected to its Microsoft 365, who of its clinicians is who there,
-- and what is known of each meeting.

-- One row an organisation; none means the built-in room.
create table meeting_settings (
  tenant_id uuid primary key references tenants (id),
  kind text not null default 'room' check (kind in ('room', 'teams')),
  directory text not null default '' check (length(directory) <= 100),
  client_id text not null default '' check (length(client_id) <= 100),
  proof text not null default 'certificate' check (proof in ('certificate', 'secret')),
  secret_sealed bytea,
  default_host text not null default '' check (length(default_host) <= 100),
  teams_lobby boolean not null default false,
  recording boolean not null default false,
  announce boolean not null default false,
  opens text not null default 'window' check (opens in ('window', 'app', 'here')),
  revision integer not null default 1,
  changed_at timestamptz not null,
  tested_at timestamptz,
  test_code text not null default ''
);

-- Key pairs of ours: `app` proves us at Microsoft's token endpoint, `notify` opens what its notifications carry. The certificate is public.
create table meeting_keys (
  tenant_id uuid not null references tenants (id),
  id text not null,
  purpose text not null check (purpose in ('app', 'notify')),
  private_sealed bytea not null,
  certificate bytea not null,
  made_at timestamptz not null,
  not_after timestamptz not null,
  retired_at timestamptz,
  primary key (tenant_id, id)
);

-- Who somebody of the record is in the Microsoft directory: ids only. `person_key` is a keyed hash, by which the row is found.
create table meeting_bindings (
  tenant_id uuid not null,
  connection_id uuid not null,
  person_key bytea not null,
  id uuid not null,
  person_sealed bytea not null,
  object_id text not null check (length(object_id) <= 100),
  bound_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, connection_id, person_key),
  unique (tenant_id, id)
);
create index meeting_bindings_by_object on meeting_bindings (tenant_id, object_id);

-- A clinician's one-time sign-in under way; lives for ten minutes.
create table meeting_sign_ins (
  tenant_id uuid not null,
  id uuid not null,
  state_hash bytea not null unique,
  browser_hash bytea not null,
  sealed bytea not null,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, id)
);
create index meeting_sign_ins_expiry on meeting_sign_ins (expires_at, tenant_id);

-- One row a visit that takes place in Teams. The links into the meeting are sealed: whoever holds one can knock.
create table meetings (
  tenant_id uuid not null,
  visit_id uuid not null,
  state text not null default 'wanted' check (state in ('wanted', 'made', 'failed', 'shut', 'deleted')),
  code text not null default '',
  organizer text not null default '',
  meeting_id text not null default '',
  join_key bytea,
  join_sealed bytea,
  visitor_join_sealed bytea,
  starts_at timestamptz,
  ends_at timestamptz,
  wanted_at timestamptz not null,
  made_at timestamptz,
  round integer not null default 0,
  -- the call in it, as far as we were told
  call_started_at timestamptz,
  call_ended_at timestamptz,
  heard_at timestamptz,
  delayed_at timestamptz,
  delay_code text not null default '',
  -- what is left to be done after it
  look_at timestamptz,
  looks integer not null default 0,
  settled_at timestamptz,
  quality_at timestamptz,
  primary key (tenant_id, visit_id)
);
create index meetings_by_join on meetings (tenant_id, join_key) where join_key is not null;
create index meetings_to_look_at on meetings (look_at, tenant_id) where look_at is not null;

-- To whom we gave the way into the meeting, and when: who comes in there next is one of them.
create table meeting_ways (
  tenant_id uuid not null,
  visit_id uuid not null,
  participant_id uuid not null,
  given_at timestamptz not null,
  primary key (tenant_id, visit_id, participant_id)
);

create table meeting_subscriptions (
  tenant_id uuid not null,
  id uuid not null,
  visit_id uuid not null,
  graph_id text unique,
  key_id text not null default '',
  state text not null default 'wanted' check (state in ('wanted', 'live', 'removed', 'over')),
  expires_at timestamptz,
  made_at timestamptz,
  checked_at timestamptz,
  code text not null default '',
  primary key (tenant_id, id)
);
create index meeting_subscriptions_by_visit on meeting_subscriptions (tenant_id, visit_id);
create index meeting_subscriptions_due on meeting_subscriptions (expires_at, tenant_id) where state = 'live';

-- What Microsoft sent, kept as it came (encrypted by them, and sealed by us) until it is worked through.
create table meeting_inbox (
  tenant_id uuid not null,
  id uuid not null,
  subscription_id uuid not null,
  kind text not null check (kind in ('notification', 'lifecycle')),
  fingerprint bytea not null,
  sealed bytea,
  came_at timestamptz not null,
  done_at timestamptz,
  code text not null default '',
  primary key (tenant_id, id),
  unique (tenant_id, subscription_id, fingerprint)
);
create index meeting_inbox_waiting on meeting_inbox (tenant_id, id) where done_at is null;
create index meeting_inbox_old on meeting_inbox (came_at, tenant_id);

-- Who is in the meeting, as Microsoft tells it. Names are not kept. `participant_id` is empty for somebody who did not come through us.
create table meeting_roster (
  tenant_id uuid not null,
  visit_id uuid not null,
  graph_id text not null check (length(graph_id) <= 200),
  identity_key bytea,
  participant_id uuid,
  state text not null check (state in ('lobby', 'in', 'gone')),
  as_of timestamptz not null,
  sequence bigint,
  primary key (tenant_id, visit_id, graph_id)
);

create table meeting_reports (
  tenant_id uuid not null,
  visit_id uuid not null,
  report_id text not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  people integer not null,
  merged_at timestamptz not null,
  primary key (tenant_id, visit_id, report_id)
);

-- How well somebody heard and saw: numbers only, no address of a network or a machine.
create table meeting_quality (
  tenant_id uuid not null,
  visit_id uuid not null,
  record_id text not null,
  seat integer not null,
  participant_id uuid,
  version bigint not null default 0,
  began_at timestamptz,
  over_at timestamptz,
  measures jsonb not null default '{}',
  primary key (tenant_id, visit_id, record_id, seat)
);

-- Meetings made for an organizer in a month: Microsoft allows so many.
create table meeting_counts (
  tenant_id uuid not null,
  organizer text not null,
  month date not null,
  made integer not null default 0,
  primary key (tenant_id, organizer, month)
);

do $$
declare
  wanted text;
begin
  foreach wanted in array array['meeting_settings', 'meeting_keys', 'meeting_bindings', 'meeting_sign_ins', 'meetings', 'meeting_ways',
    'meeting_subscriptions', 'meeting_inbox', 'meeting_roster', 'meeting_reports', 'meeting_quality', 'meeting_counts'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
    execute format('grant select, insert, update, delete on %I to vestibule_app', wanted);
  end loop;
end
$$;

create function whose_meeting_sign_in(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from meeting_sign_ins where state_hash = hash $$;

-- The subscriptions of those ids that Microsoft knows them by; a batch may mix organisations.
create function whose_meeting_subscriptions(graph_ids text[]) returns table (graph text, organisation uuid, subscription uuid)
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select graph_id, tenant_id, id from meeting_subscriptions where graph_id = any(graph_ids) $$;

create function whose_meeting_inbox(after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_inbox where done_at is null and tenant_id > after order by 1 limit most $$;

create function whose_meeting_inbox_old(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_inbox where came_at <= at and tenant_id > after order by 1 limit most $$;

create function whose_meetings_due(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meetings where look_at <= at and tenant_id > after order by 1 limit most $$;

create function whose_meeting_subscriptions_due(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_subscriptions where state = 'live' and expires_at <= at and tenant_id > after order by 1 limit most $$;

create function whose_meeting_sign_ins_over(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_sign_ins where expires_at <= at and tenant_id > after order by 1 limit most $$;

revoke all on function whose_meeting_sign_in(bytea), whose_meeting_subscriptions(text[]), whose_meeting_inbox(uuid, integer),
  whose_meeting_inbox_old(timestamptz, uuid, integer), whose_meetings_due(timestamptz, uuid, integer),
  whose_meeting_subscriptions_due(timestamptz, uuid, integer), whose_meeting_sign_ins_over(timestamptz, uuid, integer) from public;
grant execute on function whose_meeting_sign_in(bytea), whose_meeting_subscriptions(text[]), whose_meeting_inbox(uuid, integer),
  whose_meeting_inbox_old(timestamptz, uuid, integer), whose_meetings_due(timestamptz, uuid, integer),
  whose_meeting_subscriptions_due(timestamptz, uuid, integer), whose_meeting_sign_ins_over(timestamptz, uuid, integer) to vestibule_app;
