"""The rows of members."""
