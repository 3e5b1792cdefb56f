-- How a patient can be reached about an appointment, until it has taken place; and whom a short link was made for.

-- Everything of a person here is sealed; phone_key is a keyed hash, by which an answer (STOP) or a receipt finds its visits.
create table contacts (
  tenant_id uuid not null,
  participant_id uuid not null,
  visit_id uuid not null,
  phone_sealed bytea,
  phone_key bytea,
  email_sealed bytea,
  language text not null default '' check (length(language) <= 35),
  noted_at timestamptz not null,
  primary key (tenant_id, participant_id),
  foreign key (tenant_id, visit_id) references visits (tenant_id, id)
);
create index contacts_by_visit on contacts (tenant_id, visit_id);
create index contacts_by_phone on contacts (tenant_id, phone_key) where phone_key is not null;
alter table contacts enable row level security;
create policy own_tenant on contacts to vestibule_app using (tenant_id = vestibule_tenant()) with check (tenant_id = vestibule_tenant());
grant select, insert, update, delete on contacts to vestibule_app;

-- Where the patient is during the visit: at home, or in a room of the clinic with a screen in it.
alter table visits add column place text not null default 'home' check (place in ('home', 'clinic'));

alter table visit_links add column participant_id uuid;
