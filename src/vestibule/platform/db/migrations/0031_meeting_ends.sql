-- When a visit in Teams is to be ended by itself: its call is over and nobody has come back. Empty while there is no reason to.
alter table meetings add column end_at timestamptz;
create index meetings_to_end on meetings (end_at, tenant_id) where end_at is not null;

create function whose_meetings_to_end(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meetings where end_at <= at and tenant_id > after order by 1 limit most $$;

revoke all on function whose_meetings_to_end(timestamptz, uuid, integer) from public;
grant execute on function whose_meetings_to_end(timestamptz, uuid, integer) to vestibule_app;
