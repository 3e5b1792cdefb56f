"""What the portal needs from the rooms beside it: the EHR during a sign-in, and the doctor."""

from __future__ import annotations

from typing import Protocol

from vestibule.launch.model import Attempt, LaunchKind
from vestibule.protocols.smart import ClientIdentity, IdClaims, SmartServer, TokenAnswer
from vestibule.tenancy.model import Connection


class Record(Protocol):
    """Talks to an EHR's sign-in the way a launch does."""

    async def discover(self, connection: Connection, client_id: str) -> SmartServer:
        """Where this connection signs in."""
        ...

    async def exchange(self, attempt: Attempt, *, code: str, redirect_uri: str, client: ClientIdentity) -> TokenAnswer:
        """Trade the code for tokens."""
        ...

    async def identify(self, attempt: Attempt, token: TokenAnswer, client_id: str) -> IdClaims:
        """Who signed in, by a verified id_token."""
        ...


class Clients(Protocol):
    """Proves us to an EHR's token endpoint."""

    async def identity(self, connection: Connection, kind: LaunchKind, server: SmartServer) -> ClientIdentity:
        """As the connection was set up to authenticate."""
        ...
