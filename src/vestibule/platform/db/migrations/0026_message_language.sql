-- The language that a clinician chose for one text; empty for the patient's own, or the connection's.
alter table messages add column language text not null default '' check (length(language) <= 35);
