"""What `vestibule mllp` does. Apart from `run`, so that no other command loads what only the listener needs."""

from __future__ import annotations

import uvloop

from vestibule.platform.telemetry.logs import configure
from vestibule.run import database, stop_event
from vestibule.settings import Settings
from vestibule.wiring.listening import run_listener


def listen_here(settings: Settings) -> None:
    """Take messages until told to stop."""
    configure(settings.log_level, as_json=settings.log_format == "json")

    async def main() -> None:
        stop = stop_event()
        async with database(settings) as url:
            await run_listener(settings, url, stop)

    uvloop.run(main())
