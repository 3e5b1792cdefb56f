"""Organisations, their departments, and their connections to electronic health records."""
