-- The audit: one append-only list for each organisation, chained by hashes, so that whoever changes it is found out.
--
-- Nobody writes these tables directly, the program neither: audit_append() does, and it alone knows the chain. It must be the last
-- statement before COMMIT, because it holds the organisation's head from here to there.

create table audit_entries (
  tenant_id uuid not null,
  seq bigint not null check (seq > 0),
  at timestamptz not null,
  actor_kind text not null,
  actor_id text not null,
  actor_session text not null,
  actor_address text not null,
  reference text not null,
  action text not null check (action <> ''),
  about_kind text not null,
  about_id text not null,
  outcome text not null check (outcome in ('success', 'refused', 'failed')),
  detail jsonb not null,
  previous bytea not null check (octet_length(previous) = 32),
  hash bytea not null check (octet_length(hash) = 32),
  primary key (tenant_id, seq)
);
-- The list is read from its newest end; each index gives that order for one thing that is asked for.
create index audit_by_time on audit_entries (tenant_id, at desc, seq desc);
create index audit_by_action on audit_entries (tenant_id, action, at desc, seq desc);
create index audit_by_actor on audit_entries (tenant_id, actor_id, at desc, seq desc) where actor_id <> '';
create index audit_by_session on audit_entries (tenant_id, actor_session, at desc, seq desc) where actor_session <> '';
create index audit_by_about on audit_entries (tenant_id, about_id, at desc, seq desc) where about_id <> '';
create index audit_by_reference on audit_entries (tenant_id, reference, at desc, seq desc) where reference <> '';
create index audit_unsuccessful on audit_entries (tenant_id, outcome, at desc, seq desc) where outcome <> 'success';

-- Where each chain ends. The page is kept nearly empty, so that the newest version of a row always finds room beside the last one.
create table audit_heads (
  tenant_id uuid primary key,
  seq bigint not null,
  hash bytea not null
) with (fillfactor = 10);

create function audit_entries_are_kept() returns trigger language plpgsql as $$
begin
  raise exception 'audit_entries is append-only' using errcode = 'restrict_violation';
end
$$;
create trigger audit_entries_are_kept before update or delete on audit_entries for each row execute function audit_entries_are_kept();
create trigger audit_entries_are_not_truncated before truncate on audit_entries
  for each statement execute function audit_entries_are_kept();

-- Each entry's hash is SHA-256 over: the hash before it (32 bytes), the organisation's id (16), the number (8, big-endian), and the
-- SHA-256 of what the entry says (32), which the program has made; docs/reference/audit.md says how.
create function audit_append(entries jsonb) returns void
  language plpgsql security definer set search_path = pg_catalog, public
  as $$
declare
  own uuid := vestibule_tenant();
  number bigint;
  last bytea;
  before bytea;
  entry jsonb;
begin
  if own is null then
    raise exception 'an audit entry belongs to an organisation' using errcode = 'insufficient_privilege';
  end if;
  -- Those who come at once queue here, in order; waiting for the row itself would wake them all whenever one is done.
  perform pg_advisory_xact_lock(hashtextextended(own::text, 7));
  select h.seq, h.hash into number, last from audit_heads h where h.tenant_id = own for update;
  if not found then
    insert into audit_heads values (own, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
    select h.seq, h.hash into number, last from audit_heads h where h.tenant_id = own for update;
  end if;
  for entry in select e from jsonb_array_elements(entries) with ordinality as t (e, n) order by n loop
    number := number + 1;
    before := last;
    last := sha256(before || uuid_send(own) || int8send(number) || decode(entry ->> 'content', 'hex'));
    insert into audit_entries values (
      own, number, (entry ->> 'at')::timestamptz, entry ->> 'actor_kind', entry ->> 'actor_id', entry ->> 'actor_session',
      entry ->> 'actor_address', entry ->> 'reference', entry ->> 'action', entry ->> 'about_kind', entry ->> 'about_id',
      entry ->> 'outcome', entry -> 'detail', before, last
    );
  end loop;
  update audit_heads h set seq = number, hash = last where h.tenant_id = own;
end
$$;
revoke all on function audit_append(jsonb) from public;
grant execute on function audit_append(jsonb) to vestibule_app;

alter table audit_entries enable row level security;
alter table audit_heads enable row level security;
create policy own on audit_entries for select to vestibule_app using (tenant_id = vestibule_tenant());
create policy own on audit_heads for select to vestibule_app using (tenant_id = vestibule_tenant());
grant select on audit_entries, audit_heads to vestibule_app;

-- Which organisations have a chain, those included whose own row or whose head is gone.
create function whose_audits() returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    with recursive found as (
      (select tenant_id from audit_entries order by tenant_id limit 1)
      union all
      select (select e.tenant_id from audit_entries e where e.tenant_id > f.tenant_id order by e.tenant_id limit 1)
      from found f where f.tenant_id is not null
    )
    select tenant_id from found where tenant_id is not null
    union select tenant_id from audit_heads union select id from tenants order by 1
  $$;
revoke all on function whose_audits() from public;
grant execute on function whose_audits() to vestibule_app;
