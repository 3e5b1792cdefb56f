-- Only a connection that serves takes appointments: what was removed, or was never put in force, is nobody's sender any more.

create or replace function whose_sender_key(hash bytea)
  returns table (tenant uuid, connection uuid, certificate uuid, not_before timestamptz, not_after timestamptz, http_status boolean)
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select f.tenant_id, f.connection_id, f.id, f.not_before, f.not_after, s.http_status
    from feed_certificates f
    join feed_settings s on s.tenant_id = f.tenant_id and s.connection_id = f.connection_id and s.enabled
    join connections c on c.tenant_id = f.tenant_id and c.id = f.connection_id and c.serving
    where f.key_hash = hash and f.removed_at is null
  $$;

create or replace function whose_sender_certificates() returns setof bytea
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select f.certificate from feed_certificates f
    join feed_settings s on s.tenant_id = f.tenant_id and s.connection_id = f.connection_id and s.enabled
    join connections c on c.tenant_id = f.tenant_id and c.id = f.connection_id and c.serving
    where f.removed_at is null order by f.added_at
  $$;

create or replace function whose_plain_ports() returns table (port integer, tenant uuid, connection uuid, networks text[])
  language sql stable security definer set search_path = pg_catalog, public
  as $$
    select s.plain_port, s.tenant_id, s.connection_id, s.networks
    from feed_settings s join connections c on c.tenant_id = s.tenant_id and c.id = s.connection_id and c.serving
    where s.enabled and s.plain_port is not null order by s.plain_port
  $$;
