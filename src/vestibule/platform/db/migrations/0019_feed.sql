-- The feed: who may send appointments, what they sent, and what we know of each appointment by it.

-- How a connection's feed is read. `plain_port` is a port of this installation that belongs to this connection alone.
create table feed_settings (
  tenant_id uuid not null,
  connection_id uuid not null,
  enabled boolean not null default false,
  csn_from text not null default 'sch-2' check (csn_from in ('sch-1', 'sch-2', 'pv1-19')),
  department_from text not null default 'pv1-3' check (department_from in ('pv1-3', 'ail-3', 'rgs-3', 'aig-3', 'none')),
  zone text not null default '' check (length(zone) <= 60),
  region text not null default 'US' check (region ~ '^[A-Z]{2}$'),
  raw_hours integer not null default 72 check (raw_hours between 1 and 72),
  http_status boolean not null default false,
  plain_port integer unique check (plain_port between 1 and 65535),
  networks text[] not null default '{}',
  rules jsonb not null default '[]',
  revision integer not null default 1,
  changed_at timestamptz not null,
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id),
  check (plain_port is null or cardinality(networks) > 0)
);

-- Public keys by which senders prove themselves. One key is one sender: it says whose message it is.
create table feed_certificates (
  tenant_id uuid not null,
  id uuid not null,
  connection_id uuid not null,
  key_hash bytea not null check (length(key_hash) = 32),
  certificate bytea not null,
  subject text not null check (length(subject) <= 400),
  not_before timestamptz not null,
  not_after timestamptz not null,
  added_by uuid,
  added_at timestamptz not null,
  removed_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id)
);
create unique index feed_certificates_one_sender on feed_certificates (key_hash) where removed_at is null;

-- Every message that was acknowledged, in the order in which it was. The body is sealed, and goes after `raw_hours` at the latest.
-- `twin` marks a message that has another's name (sender and control id) and not its body: it was refused, and waits for a person.
create table feed_inbox (
  tenant_id uuid not null,
  id bigint generated always as identity,
  connection_id uuid not null,
  name bytea not null check (length(name) = 32),
  twin boolean not null default false,
  control_id text not null check (length(control_id) <= 200),
  body bytea,
  body_hash bytea not null check (length(body_hash) = 32),
  size integer not null,
  via text not null check (via in ('mllp', 'mllps', 'https', 'signed')),
  certificate_id uuid,
  received_at timestamptz not null default now(),
  state text not null default 'new' check (state in ('new', 'applied', 'late', 'ignored', 'quarantined', 'dropped', 'expired')),
  event text not null default '' check (length(event) <= 20),
  code text not null default '',
  visit_id uuid,
  tries integer not null default 0,
  run_at timestamptz not null default now(),
  processed_at timestamptz,
  primary key (tenant_id, id)
) with (fillfactor = 85);
create unique index feed_inbox_once on feed_inbox (tenant_id, connection_id, name) where not twin;
create index feed_inbox_new on feed_inbox (run_at, id) where state = 'new';
create index feed_inbox_raw on feed_inbox (received_at) where body is not null;
create index feed_inbox_quarantined on feed_inbox (tenant_id, id) where state = 'quarantined';
create index feed_inbox_by_time on feed_inbox (tenant_id, connection_id, received_at);

-- What the feed has said of an appointment, as far as its own times order it. `key` is a keyed hash of its name in the record.
create table feed_appointments (
  tenant_id uuid not null,
  connection_id uuid not null,
  key bytea not null,
  visit_id uuid,
  participant_id uuid,
  status text not null,
  said_at timestamptz not null,
  ends_at timestamptz,
  changed_at timestamptz not null,
  primary key (tenant_id, connection_id, key)
);
create index feed_appointments_over on feed_appointments (ends_at);

do $$
declare
  wanted text;
begin
  foreach wanted in array array['feed_settings', 'feed_certificates', 'feed_inbox', 'feed_appointments'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
  end loop;
end
$$;
grant select, insert, update, delete on feed_settings, feed_certificates, feed_inbox, feed_appointments to vestibule_app;

-- The listener writes for every tenant, and the worker looks for what is new; both see the inbox and nothing else.
create policy every_tenant on feed_inbox to vestibule_dispatch using (true) with check (true);
grant select, insert, update on feed_inbox to vestibule_dispatch;

-- Whose key is this? The tenant of a message comes from here, never from the message.
create function whose_sender_key(hash bytea) returns table (tenant uuid, connection uuid, certificate uuid, not_before timestamptz, not_after timestamptz)
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select c.tenant_id, c.connection_id, c.id, c.not_before, c.not_after
    from feed_certificates c join feed_settings s on s.tenant_id = c.tenant_id and s.connection_id = c.connection_id and s.enabled
    where c.key_hash = hash and c.removed_at is null
  $$;

-- Every certificate a sender may show, for the TLS handshake; who it is, is asked afterwards.
create function whose_sender_certificates() returns setof bytea
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select c.certificate from feed_certificates c
    join feed_settings s on s.tenant_id = c.tenant_id and s.connection_id = c.connection_id and s.enabled
    where c.removed_at is null order by c.added_at
  $$;

-- Which plain ports to listen on, for whom, and from which networks.
create function whose_plain_ports() returns table (port integer, tenant uuid, connection uuid, networks text[])
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select plain_port, tenant_id, connection_id, networks from feed_settings where enabled and plain_port is not null order by plain_port $$;

revoke all on function whose_sender_key(bytea), whose_sender_certificates(), whose_plain_ports() from public;
grant execute on function whose_sender_key(bytea), whose_sender_certificates(), whose_plain_ports() to vestibule_app;
