-- How meetings were heard lately, for a page.
create index meeting_quality_lately on meeting_quality (tenant_id, began_at);
