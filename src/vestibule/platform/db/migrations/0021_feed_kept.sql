-- How long what the feed knows is kept, and who has something to forget.

-- The message itself goes when its time is over; sooner when the appointment's contact is erased (the feed hears of that as an event).
alter table feed_inbox add column keep_until timestamptz not null default now() + interval '72 hours';
drop index feed_inbox_raw;
create index feed_inbox_keep on feed_inbox (keep_until, tenant_id) where body is not null;
create index feed_inbox_of_visit on feed_inbox (tenant_id, visit_id) where body is not null and visit_id is not null;
create index feed_inbox_oldest on feed_inbox (received_at, tenant_id);

-- Two messages of the same second have an order too: `tie` is what decides between them, the same whichever comes first.
alter table feed_appointments add column tie text not null default '' check (length(tie) <= 240);
drop index feed_appointments_over;
create index feed_appointments_over on feed_appointments (ends_at, tenant_id);

create function whose_feed_bodies_over(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct tenant_id from feed_inbox where body is not null and keep_until < at and tenant_id > after order by 1 limit most
  $$;

create function whose_feed_rows_over(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select tenant_id from feed_inbox where received_at < before and tenant_id > after
    union select tenant_id from feed_appointments where ends_at < before and tenant_id > after
    order by 1 limit most
  $$;

revoke all on function whose_feed_bodies_over(timestamptz, uuid, integer), whose_feed_rows_over(timestamptz, uuid, integer) from public;
grant execute on function whose_feed_bodies_over(timestamptz, uuid, integer), whose_feed_rows_over(timestamptz, uuid, integer)
  to vestibule_app;
