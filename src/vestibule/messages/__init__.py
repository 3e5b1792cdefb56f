"""Messages to patients: what is planned when, what was sent, what became of it, and what must not be sent."""
