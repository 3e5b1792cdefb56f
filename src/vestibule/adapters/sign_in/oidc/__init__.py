"""Any OpenID provider: the issuer is exactly the one that was set, a person is (iss, sub)."""

from __future__ import annotations

from typing import Any

from vestibule.adapters.sign_in.client import OpenIdClient, text
from vestibule.identity.model import Person
from vestibule.identity.ports import Asked
from vestibule.protocols.oauth2 import Returned
from vestibule.protocols.oidc import OpenIdServer


class OidcSignIn:
    """Signing in with a provider of one issuer."""

    name = "oidc"

    def __init__(self, client: OpenIdClient, *, label: str) -> None:
        self.label = label
        self._client = client

    async def depart(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what to remember until it is back."""
        url, server = await self._client.depart(asked)
        return url, server.to_json()

    async def arrive(self, returned: Returned, asked: Asked, kept: dict[str, Any]) -> Person:
        """Who came back. An address counts unless the provider says itself that it has not checked it."""
        server = OpenIdServer.from_json(kept)
        answer = await self._client.exchange(returned, asked, server, issuer=server.issuer)
        claims = await self._client.judge(answer, asked, server, issuer=server.issuer)
        email = text(claims, "email") if claims.claims.get("email_verified") is not False else ""
        return Person(self.name, claims.issuer, claims.subject, text(claims, "name") or text(claims, "preferred_username"), email)
