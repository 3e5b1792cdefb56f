-- The provider whom the record's encounter names, among several clinicians of a visit.
alter table participants add column leads boolean not null default false;
