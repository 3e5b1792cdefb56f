"""Figures for Prometheus. A label is a route template, a code or a state: never an id, a path or anything about a person.

Modules that count something declare it here, so that one file shows all there is; each stands in docs/reference/metrics.md.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

REQUESTS = Counter("vestibule_http_requests_total", "Answers by route template, method and status.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "vestibule_http_request_seconds", "Time from a request's head to the end of its answer.", ["route"], buckets=SECONDS
)
SESSIONS = Counter("vestibule_sessions_total", "Sessions opened, by role.", ["role"])
PROOFS = Counter("vestibule_session_proofs_total", "Session proofs by where the answer came from.", ["source"])
SIGN_INS = Counter("vestibule_sign_ins_total", "Sign-ins of staff by provider and how they ended.", ["provider", "outcome"])
READY = Gauge("vestibule_ready", "1 when the last round trip through the database and the notify path succeeded.")
EFFECTS = Counter("vestibule_effects_total", "Attempts of effects on the outside world by kind and outcome.", ["kind", "outcome"])
OUTSIDE = Counter("vestibule_outside_requests_total", "Requests to other systems by phase and outcome.", ["phase", "outcome"])
HOOKS = Counter("vestibule_message_hooks_total", "Requests of carriers and what became of them.", ["carrier", "outcome"])
MEETING_NOTICES = Counter(
    "vestibule_meeting_notices_total",
    "What came for Microsoft's notifications, and what became of it.",
    ["kind", "outcome"],
)
MEETING_NOTICE_SECONDS = Histogram(
    "vestibule_meeting_notice_seconds", "Time from a notification's coming to its being in the visit.", buckets=SECONDS
)
FEED_MESSAGES = Counter("vestibule_feed_messages_total", "Messages of the appointments feed by what became of them.", ["state"])
FEED_SECONDS = Histogram(
    "vestibule_feed_seconds", "Time from the receipt of a message of the appointments feed to its end.", buckets=(*SECONDS, 60, 600, 3600)
)
FEED_RECEIVED = Counter("vestibule_feed_received_total", "HL7 messages by how they came and what was said to them.", ["via", "verdict"])
FEED_LINES = Gauge("vestibule_feed_connections", "Open connections of the feed's ports.", ["via"])
FEED_WAITING = Gauge("vestibule_feed_waiting", "HL7 messages that wait for their commit.")
WATCHERS = Gauge("vestibule_live_watchers", "Open live-status streams of this node.")
SIGNALS = Gauge("vestibule_room_sockets", "Open signalling sockets of this node.")


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)
