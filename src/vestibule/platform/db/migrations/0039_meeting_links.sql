-- Nothing looks for a meeting by its link: call records are compared one by one with those we have.
alter table meetings drop column join_key;
