"""Appointments as iCalendar: RFC 5545 (the format), RFC 5546 (what a request and a cancellation must hold)."""

from vestibule.protocols.icalendar.invitation import Event, invitation

__all__ = ["Event", "invitation"]
