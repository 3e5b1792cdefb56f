"""Every route of visits, for wiring."""

from __future__ import annotations

from vestibule.visits import actions, board, pages, streams

ROUTES = [*pages.ROUTES, *actions.ROUTES, *board.ROUTES, *streams.ROUTES]
