-- The ground every later migration stands on: two roles that own nothing, and the function that row-level security asks.
--
-- Roles belong to the whole cluster, while this file runs once per database. They may exist already, and another database of the
-- same cluster may be creating them at this moment; both are fine.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['vestibule_app', 'vestibule_dispatch'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin noinherit', wanted);
      end if;
    exception when duplicate_object or unique_violation then
      null;  -- the other runner was first
    end;
    -- Since PostgreSQL 16 the creator of a role may grant it but not yet act as it; the grant to ourselves says that we may.
    -- Two grants at one moment can meet in pg_auth_members ("tuple concurrently updated"); the next try finds it done.
    for attempt in 1..20 loop
      begin
        if not (select rolsuper from pg_roles where rolname = session_user) then
          execute format('grant %I to %I', wanted, session_user);
        end if;
        exit;
      exception
        when internal_error or unique_violation then
          perform pg_sleep(0.05);
        when insufficient_privilege then
          -- Another owner made the role: fine when that owner has let us act as it.
          exit when pg_has_role(session_user, wanted, 'member');
          raise;
      end;
    end loop;
  end loop;
end
$$;

grant usage on schema public to vestibule_app, vestibule_dispatch;

-- The tenant of the present transaction, or null, which is equal to no tenant_id.
create function vestibule_tenant() returns uuid
  language sql stable parallel safe
  as $$ select nullif(current_setting('vestibule.tenant', true), '')::uuid $$;

grant execute on function vestibule_tenant() to vestibule_app, vestibule_dispatch;
