"""Where people meet: the built-in room (and, later, others)."""
