-- Which organisations have something that is over? The worker asks every minute and then goes to those only: with ten thousand of
-- them, nearly all have nothing to do. Each question goes by an index whose beginning holds just what is due; each answer is a page of
-- organisations behind `after`, so that one whose turn fails holds up nobody behind it.

-- Visits in the order of their beginnings: for the question about all organisations, and for the reading of one.
drop index visits_not_over;
create index visits_not_over on visits ((coalesce(starts_at, opened_at, created_at)), tenant_id)
  where state in ('scheduled', 'open') and merged_into is null;
create index visits_not_over_here on visits (tenant_id, (coalesce(starts_at, opened_at, created_at)), id)
  where state in ('scheduled', 'open') and merged_into is null;
create index sessions_over on sessions ((least(expires_at, closed_at)), tenant_id);
create index tickets_over on tickets (expires_at, tenant_id);
create index launches_oldest on launches (started_at, tenant_id);
create index api_tokens_over on api_tokens ((least(withdrawn_at, expires_at)), tenant_id);
create index ehr_sign_ins_unfinished on ehr_sign_ins (expires_at, tenant_id) where sealed is not null;
create index ehr_sign_ins_oldest on ehr_sign_ins (started_at, tenant_id);

-- Visits whose time is over and that nobody is in. `began` is the latest beginning of those that are looked at, `ad_hoc` the same of
-- those that have no window.
create function whose_visits_over(at timestamptz, began timestamptz, ad_hoc timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct v.tenant_id from visits v
    left join connections c on c.tenant_id = v.tenant_id and c.id = v.connection_id and (c.serving or c.version > 0)
    where v.state in ('scheduled', 'open') and v.merged_into is null
      and coalesce(v.starts_at, v.opened_at, v.created_at) < began and v.tenant_id > after
      and case when v.starts_at is null or c.id is null then coalesce(v.starts_at, v.opened_at, v.created_at) < ad_hoc
          else greatest(v.starts_at + make_interval(mins => c.join_late_minutes), v.ends_at) <= at end
      and not exists (select from participants p where p.tenant_id = v.tenant_id and p.visit_id = v.id
                      and p.state = 'connected' and p.same_as is null)
    order by 1 limit most
  $$;

-- People who are still known though their visit ended before. Those who are known at all are few: the people of visits that are not over,
-- and of those whose record has not been told yet.
create function whose_people_known(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct p.tenant_id from participants p
    cross join lateral (select from visits v where v.tenant_id = p.tenant_id and v.id = p.visit_id and v.ended_at <= before limit 1) as ended
    where (p.person_sealed is not null or p.person_key is not null or p.name_sealed is not null) and p.tenant_id > after
    order by 1 limit most
  $$;

create function whose_sessions_over(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select tenant_id from sessions where least(expires_at, closed_at) < before and tenant_id > after
    union select tenant_id from tickets where expires_at < before and tenant_id > after
    order by 1 limit most
  $$;

create function whose_launches_over(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select distinct tenant_id from launches where started_at < before and tenant_id > after order by 1 limit most $$;

create function whose_tokens_over(before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select distinct tenant_id from api_tokens where least(withdrawn_at, expires_at) < before and tenant_id > after order by 1 limit most
  $$;

-- Sign-ins to an EHR that never came back, and those that are too old to be kept.
create function whose_ehr_sign_ins_over(at timestamptz, before timestamptz, after uuid, most integer) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select tenant_id from ehr_sign_ins where expires_at < at and sealed is not null and tenant_id > after
    union select tenant_id from ehr_sign_ins where started_at < before and tenant_id > after
    order by 1 limit most
  $$;

revoke all on function whose_visits_over(timestamptz, timestamptz, timestamptz, uuid, integer),
  whose_people_known(timestamptz, uuid, integer), whose_sessions_over(timestamptz, uuid, integer),
  whose_launches_over(timestamptz, uuid, integer), whose_tokens_over(timestamptz, uuid, integer),
  whose_ehr_sign_ins_over(timestamptz, timestamptz, uuid, integer) from public;
grant execute on function whose_visits_over(timestamptz, timestamptz, timestamptz, uuid, integer),
  whose_people_known(timestamptz, uuid, integer), whose_sessions_over(timestamptz, uuid, integer),
  whose_launches_over(timestamptz, uuid, integer), whose_tokens_over(timestamptz, uuid, integer),
  whose_ehr_sign_ins_over(timestamptz, timestamptz, uuid, integer) to vestibule_app;
