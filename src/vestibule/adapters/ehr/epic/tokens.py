"""Access tokens of the backend client: one per connection, kept until shortly before they run out, renewed by one caller at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from vestibule.errors import OutsideFailed
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId
from vestibule.protocols.jose import SIGNING_ALGORITHMS
from vestibule.protocols.smart import ClientIdentity, SmartServer, client_credentials, discover
from vestibule.tenancy.model import ClientAuth, Connection
from vestibule.writeback.ports import Outside, SigningKeys

_EARLY: Final = 30.0  # seconds before its end a token is no longer used
_UNSAID: Final = 120.0  # how long a token is kept whose server did not say how long it lives
_DISCOVERY_BYTES: Final = 10_000_000


@dataclass(slots=True)
class _Kept:
    bearer: str = field(default="", repr=False)
    until: float = 0.0
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)


class BackendTokens:
    """Gives the Authorization header of a connection's backend client."""

    def __init__(self, outside: Outside, keys: SigningKeys, clock: Clock, *, loopback_http: bool = False) -> None:
        self._outside = outside
        self._keys = keys
        self._clock = clock
        self._loopback = loopback_http
        self._kept: dict[ConnectionId, _Kept] = {}

    async def bearer(self, connection: Connection, *, scope: str, refused: str = "") -> str:
        """The header's value.

        Args:
            connection: whose backend client.
            scope: to ask for; by default the reading of appointments, which every backend client of ours has.
            refused: a value that the record has just refused. Whoever comes first renews it; the others get what they wait for.
        """
        kept = self._kept.setdefault(connection.id, _Kept())
        if self._good(kept, refused):
            return kept.bearer
        async with kept.renewing:
            if not self._good(kept, refused):
                kept.bearer, kept.until = await self._patiently(connection, scope)
            return kept.bearer

    async def _patiently(self, connection: Connection, scope: str) -> tuple[str, float]:
        """A sign-in that fails is never the last word: keys are fetched late, clients switched on, clocks put right."""
        try:
            return await self._fetch(connection, scope)
        except OutsideFailed as error:
            error.permanent = False
            raise

    def _good(self, kept: _Kept, refused: str) -> bool:
        return kept.bearer not in {"", refused} and self._clock.monotonic() < kept.until

    async def _fetch(self, connection: Connection, scope: str) -> tuple[str, float]:
        asked_at = self._clock.monotonic()
        server = await self._outside.drive(
            discover(
                connection.iss,
                client_id=connection.backend_client_id,
                manual_authorize=connection.authorize_url,
                manual_token=connection.token_url,
                loopback_http=self._loopback,
            ),
            max_bytes=_DISCOVERY_BYTES,
        )
        wanted = scope or ("system/Appointment.rs" if server.scopes_v2 else "system/Appointment.read")
        client = await self._client(connection, server)
        token = await self._outside.drive(client_credentials(server, scope=wanted, client=client, now=self._clock.now()))
        lives = float(token.expires_in) - _EARLY if token.expires_in else _UNSAID
        return token.bearer, asked_at + lives

    async def _client(self, connection: Connection, server: SmartServer) -> ClientIdentity:
        client_id = connection.backend_client_id
        headers = {"Epic-Client-ID": client_id}
        if connection.client_auth is ClientAuth.SECRET_BASIC:
            return ClientIdentity(client_id, "client_secret_basic", secret=connection.client_secret, headers=headers)
        algs = [alg for alg in SIGNING_ALGORITHMS if not server.signing_algs or alg in server.signing_algs] or list(SIGNING_ALGORITHMS)
        return ClientIdentity(client_id, "private_key_jwt", key=await self._keys(connection, algs), headers=headers)
