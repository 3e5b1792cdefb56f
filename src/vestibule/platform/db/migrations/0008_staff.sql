-- Who works for an organisation and may use its portal: invited by a one-time link, then known by what their sign-in says they are.

create table members (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  state text not null default 'invited' check (state in ('invited', 'active', 'removed')),
  -- The sign-in's own words for a person; never an e-mail address. Empty until an invitation has been accepted, and after a removal.
  issuer text not null default '',
  subject text not null default '',
  name text not null default '' check (length(name) <= 200),
  email text not null default '' check (length(email) <= 320),
  roles text[] not null default '{}',
  invitation_hash bytea unique,
  invitation_expires_at timestamptz,
  invited_at timestamptz not null,
  joined_at timestamptz,
  signed_in_at timestamptz,
  removed_at timestamptz,
  listed text generated always as (lower(coalesce(nullif(name, ''), email))) stored,
  primary key (tenant_id, id),
  check (state <> 'active' or (issuer <> '' and subject <> ''))
);
create unique index members_person on members (tenant_id, issuer, subject) where state = 'active';
create index members_everywhere on members (issuer, subject) where state = 'active';
create index members_listed on members (tenant_id, listed, id) where state <> 'removed';
alter table members enable row level security;
create policy own on members to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update on members to vestibule_app;

alter table sessions add column member_id uuid;
alter table sessions add column idle_seconds integer;  -- null: as the settings say
create index sessions_member on sessions (tenant_id, member_id) where closed_at is null and member_id is not null;

-- A sign-in under way, of somebody of whom nobody yet knows to which organisation they belong: so it has no tenant. What it needs to
-- remember is sealed; it lives for ten minutes.
create table sign_ins (
  id uuid primary key,
  state_hash bytea not null unique,
  browser_hash bytea not null,
  provider text not null,
  sealed bytea not null,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index sign_ins_expiry on sign_ins (expires_at);
grant select, insert, update, delete on sign_ins to vestibule_app;

create function whose_invitation(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from members where invitation_hash = hash $$;

-- The organisations one person belongs to, a page at a time.
create function organisations_of(wanted_issuer text, wanted_subject text, looked_for text, after_name text, after_id uuid, most integer)
  returns table (organisation uuid, organisation_name text)
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select t.id, t.name from members m join tenants t on t.id = m.tenant_id
    where m.issuer = wanted_issuer and m.subject = wanted_subject and m.state = 'active'
      and (looked_for = '' or strpos(lower(t.name), lower(looked_for)) > 0)
      and (lower(t.name), t.id) > (after_name, after_id)
    order by lower(t.name), t.id limit most
  $$;

revoke all on function whose_invitation(bytea), organisations_of(text, text, text, text, uuid, integer) from public;
grant execute on function whose_invitation(bytea), organisations_of(text, text, text, text, uuid, integer) to vestibule_app;
