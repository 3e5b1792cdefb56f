"""The SQL of visits. Every method takes the tenant first and names it in its statement, though row-level security stands behind it."""

from vestibule.visits.store.contacts import ContactStore
from vestibule.visits.store.links import LinkStore
from vestibule.visits.store.presence import PresenceStore
from vestibule.visits.store.rows import Row, to_json
from vestibule.visits.store.visits import VisitStore

__all__ = ["ContactStore", "LinkStore", "PresenceStore", "Row", "VisitStore", "to_json"]
