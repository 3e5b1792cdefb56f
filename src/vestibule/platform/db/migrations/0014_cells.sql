-- The cells of other regions ask by the hash of a name whether it is known here. The questions come over a route of their own, with the
-- cells' token; these functions say whose the name is, as the other whose_* do, and the route says no more than yes or no.

create function name_hash(name text) returns bytea
  language sql immutable strict parallel safe set search_path = pg_catalog
  as $$ select sha256(convert_to(name, 'UTF8')) $$;
create index connections_by_iss_hash on connections (name_hash(iss)) where serving;
create index connections_by_id_hash on connections (name_hash(id::text));

create function whose_iss_hash(hash bytea) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where name_hash(iss) = hash and serving order by tenant_id $$;

create function whose_connection_hash(hash bytea) returns uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where name_hash(id::text) = hash $$;

revoke all on function whose_iss_hash(bytea), whose_connection_hash(bytea) from public;
grant execute on function name_hash(text), whose_iss_hash(bytea), whose_connection_hash(bytea) to vestibule_app;

-- The organisations of a name, for the operator's file, which knows them by nothing else.
create function whose_name(wanted text) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select id from tenants where lower(name) = lower(wanted) and name = wanted order by id $$;
revoke all on function whose_name(text) from public;
grant execute on function whose_name(text) to vestibule_app;
