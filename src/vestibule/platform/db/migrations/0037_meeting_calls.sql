-- What came for one meeting is worked through in its order.
create index meeting_inbox_in_line on meeting_inbox (tenant_id, subscription_id, id) where done_at is null;

-- Calls that nobody said are over, and that began longer ago than any call lasts.
create index meetings_in_call on meetings (call_started_at, tenant_id) where call_ended_at is null or call_ended_at < call_started_at;

create function whose_meeting_calls_stale(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from meetings
        where call_started_at <= before and (call_ended_at is null or call_ended_at < call_started_at) and tenant_id > after
        order by 1 limit most $$;

revoke all on function whose_meeting_calls_stale(timestamptz, uuid, integer) from public;
grant execute on function whose_meeting_calls_stale(timestamptz, uuid, integer) to vestibule_app;
