"""Plumbing that knows frameworks and no health words."""
