"""Health that proves itself by traffic, and the figures for Prometheus."""
