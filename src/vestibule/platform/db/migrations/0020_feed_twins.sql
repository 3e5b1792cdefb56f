-- A sender that goes on sending what was refused fills no quarantine: of one name and one body there is one twin.
create unique index feed_inbox_twins on feed_inbox (tenant_id, connection_id, name, body_hash) where twin;

-- Whose key is this, and how do they want to be answered?
drop function whose_sender_key(bytea);
create function whose_sender_key(hash bytea)
  returns table (tenant uuid, connection uuid, certificate uuid, not_before timestamptz, not_after timestamptz, http_status boolean)
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select c.tenant_id, c.connection_id, c.id, c.not_before, c.not_after, s.http_status
    from feed_certificates c join feed_settings s on s.tenant_id = c.tenant_id and s.connection_id = c.connection_id and s.enabled
    where c.key_hash = hash and c.removed_at is null
  $$;
revoke all on function whose_sender_key(bytea) from public;
grant execute on function whose_sender_key(bytea) to vestibule_app;
