-- The history of launches: read newest first, found by outcome's code, by connection, by reference.

create index launches_newest on launches (tenant_id, started_at desc, id desc);
create index launches_by_code on launches (tenant_id, code, started_at desc, id desc) where code > '';
create index launches_by_connection on launches (tenant_id, connection_id, started_at desc, id desc);
drop index launches_by_start;
