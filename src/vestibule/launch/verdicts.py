"""Whether a callback may have the launch it names."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

from vestibule.errors import Conflict, Gone, NotAllowed, VestibuleError
from vestibule.kit.ids import fingerprint
from vestibule.launch.store import Row

_BACK: Final = "launch.callback"


def judge(row: Row, browser: str, now: datetime) -> VestibuleError | None:
    """What is wrong, if this is not the browser that left, in time, and for the first time? Another browser uses nothing up."""
    if not hmac.compare_digest(fingerprint(browser), row["browser_hash"]):
        return NotAllowed(
            "launch-other-browser",
            "This launch was begun in another window or browser. Please open the visit again from the record.",
            phase=_BACK,
        )
    if row["used_at"] is not None:
        return Conflict("launch-used", "This launch was used already. Please open the visit again from the record.", phase=_BACK)
    if now >= row["expires_at"]:
        return Gone("launch-expired", "This launch took too long. Please open the visit again from the record.", phase=_BACK)
    return None
