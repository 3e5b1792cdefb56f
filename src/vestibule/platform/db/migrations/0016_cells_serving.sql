-- What is only a draft here must not hold up launches at the cell where the record is in force.
create or replace function whose_iss_hash(hash bytea) returns setof uuid
  language sql stable security definer set search_path = pg_catalog, public
  as $$ select tenant_id from connections where name_hash(iss) = hash and serving order by tenant_id $$;
