"""PostgreSQL: the pool, tenant-bound transactions, migrations, notifications, the embedded server."""

from vestibule.platform.db.bus import Bus
from vestibule.platform.db.embedded import EmbeddedPostgres, bundled_binaries
from vestibule.platform.db.migrate import migrate, migrations, pending
from vestibule.platform.db.notify import Listener
from vestibule.platform.db.pool import Database
from vestibule.platform.db.turns import Turns, Wakes
from vestibule.platform.db.tx import Tx

__all__ = [
    "Bus",
    "Database",
    "EmbeddedPostgres",
    "Listener",
    "Turns",
    "Tx",
    "Wakes",
    "bundled_binaries",
    "migrate",
    "migrations",
    "pending",
]
