-- Messages to patients: what is planned, what was sent, what became of it; who wants none; how fast a sender may go.

-- One row a message. Nothing of the patient stands here, but for a number a clinician typed for one text: sealed, and gone once that is sent.
-- `key` is what the message is for: planning the same again finds the row. `turn` numbers what was given to a carrier, in that order,
-- whatever clocks did meanwhile. `round` counts how often it was planned: each has an effect of its own.
create table messages (
  tenant_id uuid not null,
  id uuid not null,
  visit_id uuid not null,
  participant_id uuid not null,
  connection_id uuid,
  purpose text not null check (purpose in ('scheduled', 'updated', 'cancelled', 'reminder', 'direct')),
  channel text not null check (channel in ('sms', 'email')),
  key text not null check (length(key) <= 300),
  state text not null default 'planned'
    check (state in ('planned', 'sending', 'accepted', 'delivered', 'failed', 'unknown', 'withdrawn')),
  due_at timestamptz not null,
  about timestamptz,
  minutes integer not null default 0,
  place text not null default 'home',
  nth integer not null default 0,
  turn bigint not null default 0,
  tries integer not null default 0,
  round integer not null default 1,
  effect_id uuid,
  status text,
  code text not null default '',
  sender_id uuid,
  account_id uuid,
  carrier_id text,
  to_sealed bytea,
  segments integer not null default 0,
  test boolean not null default false,
  planned_at timestamptz not null,
  sent_at timestamptz,
  settled_at timestamptz,
  dealt_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, key)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
create index messages_by_visit on messages (tenant_id, visit_id);
create index messages_by_carrier on messages (tenant_id, account_id, carrier_id) where carrier_id is not null;
create index messages_by_time on messages (tenant_id, sent_at) where sent_at is not null;
create index messages_waiting on messages (tenant_id, due_at) where state = 'planned';
create index messages_for_a_person on messages (tenant_id, id) where state in ('failed', 'unknown') and dealt_at is null;
create sequence message_turns;
grant usage on sequence message_turns to vestibule_app;

-- Who said STOP. The keyed hash of a number outlives the number.
create table opt_outs (
  tenant_id uuid not null,
  phone_key bytea not null,
  since timestamptz not null,
  by text not null check (by in ('patient', 'carrier', 'staff')),
  primary key (tenant_id, phone_key)
);

-- The next free moment of a sender, over all workers. `holder` took the last portion; `shared_at` says when two took turns lately.
create table message_pacing (
  tenant_id uuid not null,
  sender_id uuid not null,
  next_at timestamptz not null,
  holder text not null default '',
  shared_at timestamptz,
  primary key (tenant_id, sender_id)
) with (fillfactor = 50);

-- What carriers said of messages whose number at the carrier we have not written down yet, and incoming texts that were answered.
create table message_receipts (
  tenant_id uuid not null,
  account_id uuid not null,
  carrier_id text not null check (length(carrier_id) <= 200),
  state text not null,
  status text,
  code text not null default '',
  permanent boolean not null default true,
  opted_out boolean not null default false,
  at timestamptz not null,
  primary key (tenant_id, account_id, carrier_id, state)
);
create index message_receipts_old on message_receipts (at, tenant_id);

-- Connections whose settings were changed: how far what is pending has been planned anew.
create table message_replans (
  tenant_id uuid not null,
  connection_id uuid not null,
  done_until timestamptz,
  done_visit uuid,
  wanted_at timestamptz not null,
  primary key (tenant_id, connection_id)
);
create index visits_to_come on visits (tenant_id, connection_id, starts_at, id) where state in ('scheduled', 'open') and merged_into is null;

do $$
declare
  wanted text;
begin
  foreach wanted in array array['messages', 'opt_outs', 'message_pacing', 'message_receipts', 'message_replans'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
  end loop;
end
$$;
grant select, insert, update, delete on messages, opt_outs, message_pacing, message_receipts, message_replans to vestibule_app;

-- When a contact is to be forgotten, whatever has been sent by then.
alter table contacts add column forget_at timestamptz;
create index contacts_to_forget on contacts (forget_at, tenant_id) where forget_at is not null;

-- Lists of effects are by kind: what is told to the record is looked after on another page than what is told to patients.
create index effect_kind on effects (tenant_id, kind, id);
create index effect_texts_unknown on effects (tenant_id) where state = 'unknown' and promise = 'text';

create function whose_contacts_over(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from contacts where forget_at <= at and tenant_id > after order by 1 limit most $$;

create function whose_replans(after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from message_replans where tenant_id > after order by 1 limit most $$;

-- Texts whose worker vanished, and of which we have not yet said what that means.
create function whose_texts_lost(after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct e.tenant_id from effects e
    where e.state = 'unknown' and e.promise = 'text' and e.tenant_id > after
      and exists (select from messages m where m.tenant_id = e.tenant_id and m.effect_id = e.id and m.state in ('planned', 'sending'))
    order by 1 limit most
  $$;

create function whose_receipts_old(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from message_receipts where at < before and tenant_id > after order by 1 limit most $$;
create index messages_by_effect on messages (tenant_id, effect_id) where state in ('planned', 'sending');

revoke all on function whose_contacts_over(timestamptz, uuid, integer), whose_replans(uuid, integer), whose_texts_lost(uuid, integer),
  whose_receipts_old(timestamptz, uuid, integer) from public;
grant execute on function whose_contacts_over(timestamptz, uuid, integer), whose_replans(uuid, integer), whose_texts_lost(uuid, integer),
  whose_receipts_old(timestamptz, uuid, integer) to vestibule_app;
