"""The feed on a process's parts: appointments on their way from the inbox to the visits."""

from __future__ import annotations

from urllib.parse import urlsplit

from vestibule.feed.applying import Applying
from vestibule.feed.knowing import Knowing
from vestibule.feed.looking import FeedLooking
from vestibule.feed.processing import Processing
from vestibule.feed.routes.common import FeedPlaces
from vestibule.feed.routes.setup import SetupPages
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


def feed_services(parts: Parts) -> dict[str, object]:
    """What handlers of the feed's pages ask for by name."""
    settings = parts.settings
    host = urlsplit(settings.origin).hostname or "127.0.0.1"
    places = FeedPlaces(host, settings.mllp_port or None, settings.hl7_https_port or None)
    return {
        "feed_settings": parts.feed_settings,
        "feed_looking": FeedLooking(parts.clock, parts.box, parts.audit, parts.tenancy),
        "feed_setup": SetupPages(parts.db, parts.tenancy, parts.feed_settings, parts.clock, places),
    }
