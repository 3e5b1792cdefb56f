-- What an administrator sets of an organisation, and departments that may be removed without their past.

alter table tenants
  add column region text not null default '' check (length(region) <= 40),
  add column parent_id uuid references tenants (id),
  add column entra_tenant text not null default '' check (length(entra_tenant) <= 36),
  add column two_persons boolean not null default false,
  add column approve_oracle boolean not null default false,
  add column idle_minutes integer check (idle_minutes between 1 and 1440);
create index tenants_by_name on tenants (lower(name), id);
create index tenants_by_parent on tenants (parent_id) where parent_id is not null;

-- A removed department is still what the visits that were there say they were in; it takes no new ones.
alter table departments add column removed_at timestamptz;
drop index departments_external;
create unique index departments_external on departments (tenant_id, external) where external <> '' and removed_at is null;
create index departments_by_name on departments (tenant_id, lower(name), id) where removed_at is null;

-- The organisations that say they belong to the asking one, and the one it says it belongs to.
create function whose_children() returns table (id uuid, name text)
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select t.id, t.name from tenants t where t.parent_id = vestibule_tenant() order by lower(t.name), t.id $$;

create function whose_parent() returns table (id uuid, name text)
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select p.id, p.name from tenants t join tenants p on p.id = t.parent_id where t.id = vestibule_tenant() $$;

-- Can `above` be the parent of the asking organisation? `unknown`, `circle`, or an empty text.
create function judge_parent(above uuid) returns text
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    with recursive up as (
      select id, parent_id from tenants where id = above
      union
      select t.id, t.parent_id from tenants t join up on t.id = up.parent_id
    )
    select case
      when exists (select from up where id = vestibule_tenant()) then 'circle'
      when exists (select from up) then ''
      else 'unknown' end
  $$;

revoke all on function whose_children(), whose_parent(), judge_parent(uuid) from public;
grant execute on function whose_children(), whose_parent(), judge_parent(uuid) to vestibule_app;
