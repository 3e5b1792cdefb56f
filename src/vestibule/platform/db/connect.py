"""One plain connection, with its failures named; and which failures mean that the database is out of reach."""

from __future__ import annotations

import asyncpg

from vestibule.errors import Unavailable

# The server is away, going away or full. Nothing is known to be wrong with the statement itself.
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg 0.32 says when the server vanishes between two messages of one statement
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
# The statement waited too long or met another one; a second try may pass.
BUSY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)


def unavailable(phase: str) -> Unavailable:
    """The one way to say that the database cannot be reached."""
    return Unavailable(
        "database-unavailable", "The database cannot be reached right now. Nothing was lost; try again shortly.", phase=phase, retry_after=1
    )


def busy(phase: str) -> Unavailable:
    """The one way to say that a statement gave up waiting for others."""
    return Unavailable(
        "database-busy", "The database is busy with the same record. Nothing was changed; try again.", phase=phase, retry_after=1
    )


async def connect(url: str, *, timeout: float = 10, **server_settings: str) -> asyncpg.Connection:
    """Open one connection outside the pool; the caller closes it."""
    try:
        return await asyncpg.connect(
            url, timeout=timeout, server_settings={"timezone": "UTC", "application_name": "vestibule", **server_settings}
        )
    except LOST as error:
        raise unavailable("database.connect") from error
