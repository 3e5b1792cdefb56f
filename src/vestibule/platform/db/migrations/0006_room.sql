-- The room: who sits in which browser page, so that every node can introduce people to each other, and which passes were used.
-- Whether somebody is connected is the visit's own business (participants, presence); a seat exists only while they are.
create table room_seats (
  tenant_id uuid not null,
  participant_id uuid not null,
  visit_id uuid not null,
  page text not null,
  peer text not null,
  gen integer not null,
  holder text not null,
  primary key (tenant_id, participant_id)
);
create index room_seats_by_visit on room_seats (tenant_id, visit_id);

create table room_passes_used (
  tenant_id uuid not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (tenant_id, nonce)
);
create index room_passes_used_by_expiry on room_passes_used (tenant_id, expires_at);

do $$
declare
  wanted text;
begin
  foreach wanted in array array['room_seats', 'room_passes_used'] loop
    execute format('alter table %I enable row level security', wanted);
    execute format('create policy own_tenant on %I to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant())', wanted);
    execute format('grant select, insert, update, delete on %I to vestibule_app', wanted);
  end loop;
end
$$;
