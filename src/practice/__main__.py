"""`python -m practice --port 0 --data DIR`: run a practice hospital until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from practice.bundles import BadBundle
from practice.server import start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="practice", description="A practice hospital on loopback, for tests and demonstrations.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder to keep the hospital in; without it nothing is kept")
    parser.add_argument("--load", type=Path, help="folder of FHIR R4 bundles to load")
    parser.add_argument("--operator-url", default="", help="where the start page sends the analyst")
    parser.add_argument(
        "--environment", choices=["test", "production"], default="", help="shown on every screen; each has a folder of its own"
    )
    parser.add_argument("--other-url", default="", help="where the hospital's other environment answers")
    parser.add_argument("--smtp-port", type=int, default=0, help="where mail is taken; 0 takes a free one")
    parser.add_argument("--hostile", action="store_true", help="add a patient whose name tries to break pages")
    return parser.parse_args()


async def _run(wanted: argparse.Namespace) -> None:
    running = await start(
        port=wanted.port,
        data=wanted.data,
        load=wanted.load,
        operator_url=wanted.operator_url,
        hostile=wanted.hostile,
        environment=wanted.environment,
        other_url=wanted.other_url,
        smtp_port=wanted.smtp_port,
    )
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    sys.stdout.write(
        json.dumps(
            {
                "url": running.url,
                "fhir": running.fhir,
                "environment": wanted.environment,
                "smtp": running.mail.port,
                "smtps": running.mail.tls_port,
            }
        )
        + "\n"
    )
    sys.stdout.flush()
    await stop.wait()
    await running.stop()


def main() -> int:
    """Run; 1 with a sentence when it cannot start."""
    try:
        asyncio.run(_run(_arguments()))
    except (OSError, BadBundle) as error:
        sys.stderr.write(f"practice: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
