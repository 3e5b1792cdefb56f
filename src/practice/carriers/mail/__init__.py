"""A mail server that keeps what it is given, and reads the appointments in it."""
