"""Which of a connection's registered clients speaks, and how it proves itself to the record."""

from __future__ import annotations

from typing import Final

import msgspec

from vestibule.errors import Conflict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId
from vestibule.launch.model import LaunchKind
from vestibule.platform.db import Database
from vestibule.protocols.jose import SIGNING_ALGORITHMS, SigningKey, public_jwks
from vestibule.protocols.smart import ClientIdentity, SmartServer
from vestibule.tenancy.model import ClientAuth, Connection
from vestibule.tenancy.service import Tenancy

_KEEP_LISTS: Final = 30.0
_KEEP_KEYS: Final = 60.0  # seconds an opened signing key stays in memory


class Clients:
    """Makes the identity of a launch's client."""

    def __init__(self, db: Database, clock: Clock, tenancy: Tenancy) -> None:
        self._db = db
        self._clock = clock
        self._tenancy = tenancy
        self._lists: dict[ConnectionId, tuple[bytes, float]] = {}  # no longer than the list of connections
        self._keys: dict[tuple[ConnectionId, tuple[str, ...]], tuple[SigningKey, float]] = {}

    async def identity(self, connection: Connection, kind: LaunchKind, server: SmartServer) -> ClientIdentity:
        """As the connection was set up to authenticate."""
        client_id = client_id_of(connection, kind)
        headers = {"Epic-Client-ID": client_id}
        if connection.client_auth is ClientAuth.PRIVATE_KEY_JWT:
            return ClientIdentity(client_id, "private_key_jwt", key=await self._signing_key(connection, server), headers=headers)
        if connection.client_auth is ClientAuth.SECRET_BASIC:
            return ClientIdentity(client_id, "client_secret_basic", secret=connection.client_secret, headers=headers)
        return ClientIdentity(client_id, "none", headers=headers)

    async def published(self, connection: ConnectionId) -> bytes:
        """The JWK set of a connection, as bytes to serve: new keys a day before they sign, old ones a day after.

        Raises:
            NotFound: there is no such connection.
        """
        body, until = self._lists.get(connection, (b"", 0.0))
        if self._clock.monotonic() < until:
            return body
        tenant = await self._tenancy.whose_connection(self._db, connection)
        async with self._db.tenant(tenant) as tx:
            keys = await self._tenancy.signing_keys(tx, connection)
        body = msgspec.json.encode(public_jwks(k.key for k in keys))
        self._lists[connection] = (body, self._clock.monotonic() + _KEEP_LISTS)
        return body

    async def _signing_key(self, connection: Connection, server: SmartServer) -> SigningKey:
        """Opening a sealed key costs more than the rest of a launch, so it stays in memory for a minute."""
        algs = tuple(alg for alg in SIGNING_ALGORITHMS if not server.signing_algs or alg in server.signing_algs) or SIGNING_ALGORITHMS
        key, until = self._keys.get((connection.id, algs), (None, 0.0))
        if key is not None and self._clock.monotonic() < until:
            return key
        async with self._db.tenant(connection.tenant) as tx:
            key = await self._tenancy.signing_key(tx, connection.id, algs)
        self._keys[connection.id, algs] = (key, self._clock.monotonic() + _KEEP_KEYS)
        return key


def client_id_of(connection: Connection, kind: LaunchKind) -> str:
    """The client that this button belongs to.

    Raises:
        Conflict: launch-not-set-up.
    """
    client_id = connection.provider_client_id if kind is LaunchKind.PROVIDER else connection.patient_client_id
    if not client_id:
        raise Conflict("launch-not-set-up", "This kind of launch is not set up for this record.", phase="launch.start")
    return client_id
