"""Epic: its profile as data, and its status call."""
