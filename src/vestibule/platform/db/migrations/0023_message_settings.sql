-- How messages to patients are set: who carries them, from which number, for which connections, when, and in which words.

-- The two boxes of the wizard, once an organisation. Each says who ticked it and when; a box that is taken away is empty again.
create table message_consents (
  tenant_id uuid primary key,
  behalf_by text not null default '' check (length(behalf_by) <= 200),
  behalf_at timestamptz,
  patients_by text not null default '' check (length(patients_by) <= 200),
  patients_at timestamptz,
  revision integer not null default 1
);

-- Accounts at carriers. `position`: lower ones are tried first. Secrets are sealed.
create table message_accounts (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('twilio', 'azure', 'smtp', 'console')),
  name text not null check (length(name) between 1 and 200),
  endpoint text not null default '' check (length(endpoint) <= 2000),
  username text not null default '' check (length(username) <= 200),
  secret_sealed bytea,
  hook_secret_sealed bytea,
  position integer not null default 1 check (position between 1 and 1000),
  settings jsonb not null default '{}',
  revision integer not null default 1,
  tested_at timestamptz,
  test_code text not null default '' check (length(test_code) <= 80),
  added_at timestamptz not null,
  changed_at timestamptz not null,
  removed_at timestamptz,
  primary key (tenant_id, id)
);
create index message_accounts_by_id on message_accounts (id) where removed_at is null;

-- Numbers and addresses that messages come from.
create table message_senders (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  channel text not null check (channel in ('sms', 'email')),
  address text not null check (length(address) between 1 and 320),
  name text not null default '' check (length(name) <= 200),
  per_minute integer not null default 200 check (per_minute between 1 and 100000),
  verification text not null default 'not_needed' check (verification in ('not_needed', 'unverified', 'pending', 'verified', 'rejected')),
  excluded text[] not null default '{}' check (cardinality(excluded) <= 100),
  revision integer not null default 1,
  added_at timestamptz not null,
  removed_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, account_id) references message_accounts (tenant_id, id)
);
create unique index message_senders_once on message_senders (tenant_id, account_id, channel, lower(address)) where removed_at is null;

-- Which connections a sender writes for: any number, so that their patients see the same number.
create table message_sender_links (
  tenant_id uuid not null,
  sender_id uuid not null,
  connection_id uuid not null,
  primary key (tenant_id, connection_id, sender_id),
  foreign key (tenant_id, sender_id) references message_senders (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id)
);
create index message_sender_links_by_sender on message_sender_links (tenant_id, sender_id);

-- What is sent for one connection's appointments. `reminders`: minutes before the start.
create table message_policies (
  tenant_id uuid not null,
  connection_id uuid not null,
  on_scheduled boolean not null default true,
  on_updated boolean not null default true,
  on_cancelled boolean not null default true,
  reminders integer[] not null default '{1440,60}' check (cardinality(reminders) <= 20),
  quiet_from time not null default '21:00',
  quiet_to time not null default '08:00',
  language text not null default 'en' check (length(language) between 2 and 35),
  channels text[] not null default '{sms}' check (channels <@ array['sms', 'email']),
  revision integer not null default 1,
  changed_at timestamptz not null,
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id)
);

-- Texts of one's own, where the ready-made ones do not do.
create table message_wordings (
  tenant_id uuid not null,
  connection_id uuid not null,
  language text not null check (length(language) between 2 and 35),
  channel text not null check (channel in ('sms', 'email')),
  purpose text not null check (purpose in ('scheduled', 'updated', 'cancelled', 'reminder', 'direct')),
  place text not null check (place in ('home', 'clinic')),
  text text not null check (length(text) between 1 and 4000),
  subject text not null default '' check (length(subject) <= 200),
  revision integer not null default 1,
  changed_at timestamptz not null,
  primary key (tenant_id, connection_id, language, channel, purpose, place),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id)
);

-- Numbers and addresses for trying things out: what is meant for them never reaches a carrier. Sealed like a patient's.
create table message_test_recipients (
  tenant_id uuid not null,
  id uuid not null,
  channel text not null check (channel in ('sms', 'email')),
  address_sealed bytea not null,
  address_key bytea not null,
  label text not null default '' check (length(label) <= 200),
  added_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index message_test_recipients_once on message_test_recipients (tenant_id, address_key);

-- A number that is being looked for, offered, or bought. The steps are the shop's; each is asked for until it is done.
create table message_number_orders (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  country text not null check (country ~ '^[A-Z]{2}$'),
  number_kind text not null check (number_kind in ('toll_free', 'local')),
  area_code text not null default '' check (length(area_code) <= 10),
  state text not null default 'wanted' check (state in ('wanted', 'searching', 'offered', 'chosen', 'buying', 'bought', 'failed', 'given_up')),
  search text not null default '' check (length(search) <= 400),
  offers jsonb not null default '[]',
  chosen jsonb,
  purchase text not null default '' check (length(purchase) <= 400),
  sender_id uuid,
  code text not null default '' check (length(code) <= 80),
  tries integer not null default 0,
  ordered_by text not null default '' check (length(ordered_by) <= 200),
  ordered_at timestamptz not null,
  changed_at timestamptz not null,
  run_at timestamptz not null,
  gives_up_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, account_id) references message_accounts (tenant_id, id)
);
create index message_number_orders_due on message_number_orders (run_at) where state in ('wanted', 'searching', 'chosen', 'buying');

do $$
declare
  wanted text;
begin
  foreach wanted in array array['message_consents', 'message_accounts', 'message_senders', 'message_sender_links', 'message_policies', 'message_wordings',
    'message_test_recipients', 'message_number_orders'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
  end loop;
end
$$;
grant select, insert, update, delete on message_consents, message_accounts, message_senders, message_sender_links, message_policies, message_wordings,
  message_test_recipients, message_number_orders to vestibule_app;

-- Whose account is it that a carrier's request names? The request is proved afterwards, with that account's secret.
create function whose_message_account(account uuid) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from message_accounts where id = account and removed_at is null $$;

-- Organisations with a number order that has something to be asked.
create function whose_number_orders(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct tenant_id from message_number_orders
    where state in ('wanted', 'searching', 'chosen', 'buying') and run_at <= at and tenant_id > after order by 1 limit most
  $$;

revoke all on function whose_message_account(uuid), whose_number_orders(timestamptz, uuid, integer) from public;
grant execute on function whose_message_account(uuid), whose_number_orders(timestamptz, uuid, integer) to vestibule_app;
