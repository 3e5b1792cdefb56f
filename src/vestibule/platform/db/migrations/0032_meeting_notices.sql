-- What Microsoft tells of meetings: how our subscriptions stand, what came and is worked through, and who is in a meeting.

-- A key whose certificate somebody has still to upload waits. Of each kind there is one in use and at most one that waits.
alter table meeting_keys add column waits boolean not null default false;
create unique index meeting_keys_in_use on meeting_keys (tenant_id, purpose, waits) where retired_at is null;

-- When a subscription is to be looked at next, and how often that failed in a row. `check_code` is why somebody should look before its time.
alter table meeting_subscriptions add column check_at timestamptz;
alter table meeting_subscriptions add column check_code text not null default '';
alter table meeting_subscriptions add column tries integer not null default 0;
drop function whose_meeting_subscriptions_due(timestamptz, uuid, integer);
drop index meeting_subscriptions_due;
create index meeting_subscriptions_to_check on meeting_subscriptions (check_at, tenant_id) where check_at is not null;
-- A visit has one subscription that counts.
create unique index meeting_subscriptions_one on meeting_subscriptions (tenant_id, visit_id) where state <> 'over';

-- A batch may mix organisations; whose it is stands in what comes back with each item, proved by our own key.
drop function whose_meeting_subscriptions(text[]);

-- The inbox is worked through like other queues: claimed for a while, and claimed again when whoever had it is gone.
-- `look` is a note to ourselves: compare who is there with what the visit says.
alter table meeting_inbox drop constraint meeting_inbox_kind_check;
alter table meeting_inbox add constraint meeting_inbox_kind_check check (kind in ('notification', 'lifecycle', 'look'));
alter table meeting_inbox add column run_at timestamptz not null default now();
alter table meeting_inbox add column tries integer not null default 0;
drop index meeting_inbox_waiting;
create index meeting_inbox_waiting on meeting_inbox (run_at, id) where done_at is null;
drop function whose_meeting_inbox(uuid, integer);
create policy every_tenant on meeting_inbox to vestibule_dispatch using (true) with check (true);
grant select, update on meeting_inbox to vestibule_dispatch;

-- When somebody was first in the call, so that a word that comes late is told once. `said_at` is when our side heard of them last.
alter table meeting_roster add column came_at timestamptz;

-- The roster's own number, as far as it was heard, and since when one is missing.
alter table meeting_subscriptions add column roster_number bigint;
alter table meeting_subscriptions add column missing integer not null default 0;
alter table meeting_subscriptions add column missing_since timestamptz;
create index meeting_subscriptions_missing on meeting_subscriptions (missing_since, tenant_id) where missing_since is not null;

create index meeting_ways_lately on meeting_ways (given_at, tenant_id);

create function whose_meeting_subscriptions_due(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_subscriptions where check_at <= at and tenant_id > after order by 1 limit most $$;

create function whose_meeting_keys_ending(ending timestamptz, retired timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meeting_keys
        where ((purpose = 'notify' and retired_at is null and not_after <= ending) or retired_at < retired) and tenant_id > after
        order by 1 limit most $$;

-- Meetings of which more should have been heard: a way was given and nothing followed, or a number of the roster is missing.
create function whose_meetings_silent(since timestamptz, given timestamptz, gap timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from (
          select w.tenant_id from meeting_ways w join meetings m using (tenant_id, visit_id)
          where w.given_at > since and w.given_at <= given and m.state = 'made' and m.delayed_at is null
            and (m.heard_at is null or m.heard_at < w.given_at)
          union all
          select s.tenant_id from meeting_subscriptions s join meetings m using (tenant_id, visit_id)
          where s.missing_since <= gap and m.state = 'made' and m.delayed_at is null
        ) found where tenant_id > after order by 1 limit most $$;

revoke all on function whose_meeting_subscriptions_due(timestamptz, uuid, integer), whose_meeting_keys_ending(timestamptz, timestamptz, uuid, integer),
  whose_meetings_silent(timestamptz, timestamptz, timestamptz, uuid, integer) from public;
grant execute on function whose_meeting_subscriptions_due(timestamptz, uuid, integer), whose_meeting_keys_ending(timestamptz, timestamptz, uuid, integer),
  whose_meetings_silent(timestamptz, timestamptz, timestamptz, uuid, integer) to vestibule_app;
