"""The SQL of the feed. Every method takes the tenant first; what serves all of them is a statement here, run by its one user."""

from vestibule.feed.store.appointments import FeedAppointmentStore, Kept
from vestibule.feed.store.inbox import INSERT, INSERT_ONE, SETTLE, Entry, Origin
from vestibule.feed.store.looking import LookingStore
from vestibule.feed.store.queue import CLAIM, NEXT_DUE, Claimed, QueueStore, claimed
from vestibule.feed.store.senders import CERTIFICATES, KEY, PORTS
from vestibule.feed.store.settings import FeedSettingsStore

__all__ = [
    "CERTIFICATES",
    "CLAIM",
    "INSERT",
    "INSERT_ONE",
    "KEY",
    "NEXT_DUE",
    "PORTS",
    "SETTLE",
    "Claimed",
    "Entry",
    "FeedAppointmentStore",
    "FeedSettingsStore",
    "Kept",
    "LookingStore",
    "Origin",
    "QueueStore",
    "claimed",
]
