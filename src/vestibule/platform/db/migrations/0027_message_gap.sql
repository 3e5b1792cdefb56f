-- A reminder so soon after the patient was told, or before another reminder, would say the same twice: how soon, an administrator decides.
alter table message_policies add column gap_minutes integer not null default 5 check (gap_minutes between 0 and 120);
