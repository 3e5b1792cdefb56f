"""Workers that apply the feed, for the crash tests: `python -m support.feed_worker DATABASE_URL`.

The program itself only starts a worker, and another as soon as one is killed; it says `worker PID` each time. SIGTERM ends both.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from vestibule.feed.applying import Applying
from vestibule.feed.knowing import Knowing
from vestibule.feed.processing import Processing
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.clock import SystemClock
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database
from vestibule.tenancy.service import Tenancy
from vestibule.visits.service import Visits

KEY = b"7" * 32


async def work(url: str) -> None:
    """One worker, until it is killed."""
    clock, box = SystemClock(), SecretBox([("k1", KEY)])
    db = await Database.open(url, min_size=1, max_size=4)
    knowing = Knowing(FeedSettingsService(clock, Audit()), Tenancy(clock, box), clock)
    await Processing(db, box, Applying(Visits(clock, box), clock, box), knowing, clock, concurrency=2, lease=0.3, poll=0.05).run()


def main(url: str) -> None:
    """Keep a worker."""
    import phonenumbers  # noqa: PLC0415  once here, not in every worker

    assert phonenumbers
    while True:
        worker = os.fork()
        if not worker:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            asyncio.run(work(url))
        signal.signal(signal.SIGTERM, lambda *_, mine=worker: (os.kill(mine, signal.SIGKILL), sys.exit(0)))
        sys.stdout.write(f"worker {worker}\n")
        sys.stdout.flush()
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main(sys.argv[1])
