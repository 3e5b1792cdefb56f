"""The hospital's SMART App Launch 2.2 authorization server, strict on purpose."""
