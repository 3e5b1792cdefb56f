"""The inbound door: Litestar, guards, headers, sessions' cookies, pages, live status."""
