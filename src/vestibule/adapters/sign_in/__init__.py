"""Places where staff sign in."""
