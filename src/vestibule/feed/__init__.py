"""The feed: appointments as the record's interface sends them, taken durably, judged, and applied to visits."""
