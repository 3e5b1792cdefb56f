-- When the links into a meeting, and who was shown them, are forgotten: some days after Microsoft keeps nothing of it any more.
alter table meetings add column forget_at timestamptz;
create index meetings_to_forget on meetings (forget_at, tenant_id) where forget_at is not null;

create function whose_meetings_to_forget(at timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meetings where forget_at <= at and tenant_id > after order by 1 limit most $$;

revoke all on function whose_meetings_to_forget(timestamptz, uuid, integer) from public;
grant execute on function whose_meetings_to_forget(timestamptz, uuid, integer) to vestibule_app;
