"""Structured logs with redaction in the pipe, and metrics."""
