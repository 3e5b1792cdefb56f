"""The feed's pages: how it goes, how it is set up, what waits in quarantine, and a message tried."""

from vestibule.feed.routes import live, quarantine, setup, trying

ROUTES = [*live.ROUTES, *setup.ROUTES, *quarantine.ROUTES, *trying.ROUTES]

__all__ = ["ROUTES"]
