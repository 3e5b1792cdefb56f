"""The HTTP API: what the portal's pages do, for programs with a bearer token of one organisation."""
