"""The rows of programs' tokens."""
