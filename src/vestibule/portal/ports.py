"""What the portal needs from the rooms beside it: the EHR during a sign-in, and who opens sessions."""

from __future__ import annotations

from typing import Protocol

from vestibule.identity.model import Principal
from vestibule.identity.service import OpenedSession
from vestibule.kit.ids import TenantId
from vestibule.launch.model import Attempt, LaunchKind
from vestibule.platform.audit import Actor
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


class Doorman(Protocol):
    """Lets members in, by the rules of the organisation they go to: identity's sign-ins."""

    async def switch(self, principal: Principal, tenant: TenantId, actor: Actor) -> OpenedSession:
        """Open a session in another organisation of the same person; the one they leave ends."""
        ...
