"""What people see: the start page, the clinicians' EHR, the patients' portal, and the analyst's pages."""
