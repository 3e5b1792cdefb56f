-- As whom Microsoft knows somebody whom we showed the way: a keyed hash, for the report that comes when who they are to the record is forgotten.
alter table meeting_ways add column identity_key bytea;
