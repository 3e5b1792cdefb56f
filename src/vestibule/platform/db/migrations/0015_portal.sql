-- An approver's way to the EHR's sign-in and back. Of what the EHR says, only the time of the proof is kept: no name, no token.

create table ehr_sign_ins (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  connection_id uuid not null,
  version integer not null,
  revision integer not null,
  member_id uuid not null,
  session_id uuid not null,
  state_hash bytea not null unique,
  browser_hash bytea not null,
  sealed bytea,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  proved_at timestamptz,
  -- Once a proof has carried a decision it carries no other.
  spent_at timestamptz,
  -- Why it failed, by its error's code.
  code text not null default '',
  primary key (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);
create index ehr_sign_ins_by_connection on ehr_sign_ins (tenant_id, connection_id, started_at desc);
alter table ehr_sign_ins enable row level security;
create policy own on ehr_sign_ins to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on ehr_sign_ins to vestibule_app;

-- Whose it is; the rest is then read inside that tenant.
create function whose_ehr_sign_in(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from ehr_sign_ins where state_hash = hash $$;
revoke all on function whose_ehr_sign_in(bytea) from public;
grant execute on function whose_ehr_sign_in(bytea) to vestibule_app;

-- What the doctor found last: when an address was entered, and when somebody asked for a check.
create table doctor_reports (
  tenant_id uuid not null references tenants (id),
  connection_id uuid not null,
  kind text not null check (kind in ('address', 'check')),
  revision integer not null,
  at timestamptz not null,
  findings jsonb not null,
  primary key (tenant_id, connection_id, kind),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);
alter table doctor_reports enable row level security;
create policy own on doctor_reports to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on doctor_reports to vestibule_app;
