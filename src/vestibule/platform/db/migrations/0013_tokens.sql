-- Bearer tokens by which programs of an organisation use the API.

create table api_tokens (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  roles text[] not null,
  secret_hash bytea not null unique,
  made_by text not null default '',  -- the id of the member who made it
  made_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  withdrawn_at timestamptz,
  primary key (tenant_id, id)
);
alter table api_tokens enable row level security;
create policy own on api_tokens to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on api_tokens to vestibule_app;

create function whose_token(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from api_tokens where secret_hash = hash $$;
revoke all on function whose_token(bytea) from public;
grant execute on function whose_token(bytea) to vestibule_app;
