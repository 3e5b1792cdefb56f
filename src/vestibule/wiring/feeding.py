"""The feed on a process's parts: appointments on their way from the inbox to the visits."""

from __future__ import annotations

from vestibule.feed.applying import Applying
from vestibule.feed.knowing import Knowing
from vestibule.feed.processing import Processing
from vestibule.wiring.parts import Parts


def make_processing(parts: Parts) -> Processing:
    """What applies messages to visits, for a worker."""
    return Processing(
        parts.db,
        parts.box,
        Applying(parts.visits, parts.clock, parts.box),
        Knowing(parts.feed_settings, parts.tenancy, parts.clock, parts.listener),
        parts.clock,
        listener=parts.listener,
    )
