"""The SQL of the feed. Every method takes the tenant first; what serves all of them is a statement here, run by its one user."""

from vestibule.feed.store.inbox import INSERT, SETTLE, Entry
from vestibule.feed.store.senders import CERTIFICATES, KEY, PORTS
from vestibule.feed.store.settings import FeedSettingsStore

__all__ = ["CERTIFICATES", "INSERT", "KEY", "PORTS", "SETTLE", "Entry", "FeedSettingsStore"]
