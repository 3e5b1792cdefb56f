"""Microsoft Entra ID: a person is (tid, oid), whatever address they say they have."""

from __future__ import annotations

from typing import Any, Final

from vestibule.adapters.sign_in.client import OpenIdClient, text
from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.identity.model import Person
from vestibule.identity.ports import Asked
from vestibule.protocols.jose import peek
from vestibule.protocols.oauth2 import Returned
from vestibule.protocols.oidc import OpenIdServer, fits, is_guid, issuer_of_tenant, tenant_of

PUBLIC_AUTHORITY: Final = "https://login.microsoftonline.com/organizations/v2.0"
_PHASE: Final = "sign-in.token"


class EntraSignIn:
    """Signing in with a work or school account of any Microsoft Entra tenant."""

    name = "entra"
    label = "Microsoft"

    def __init__(self, client: OpenIdClient) -> None:
        self._client = client

    async def depart(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Where to send the browser: always with a choice of account, for a workstation is shared."""
        url, server = await self._client.depart(asked, prompt="select_account")
        return url, server.to_json()

    async def arrive(self, returned: Returned, asked: Asked, kept: dict[str, Any]) -> Person:
        """Who came back.

        Raises:
            NotAllowed: sign-in-personal-account. OutsideFailed: entra-person-missing. And what the protocols raise.
        """
        server = OpenIdServer.from_json(kept)
        # RFC 9207: which tenant will answer is not known beforehand, but it must be one of this authority.
        answered = returned.iss if returned.iss and fits(server.issuer, returned.iss) else ""
        answer = await self._client.exchange(returned, asked, server, issuer=answered)
        # The token's own word for its tenant chooses whose name must be on it; only the signature check below makes it true.
        tid = tenant_of(peek(answer.id_token, phase=_PHASE))
        if not tid:
            raise NotAllowed(
                "sign-in-personal-account", "Please sign in with your work or school account, not with a personal one.", phase=_PHASE
            )
        issuer = issuer_of_tenant(server.issuer, tid)
        claims = await self._client.judge(answer, asked, server, issuer=issuer, signs=lambda named: named in {issuer, server.issuer})
        if returned.iss and returned.iss != issuer:
            raise NotAllowed("callback-issuer", "The answer did not come from the tenant that was asked.", phase=_PHASE)
        oid = claims.claims.get("oid")
        if not isinstance(oid, str) or not is_guid(oid):
            raise OutsideFailed("entra-person-missing", "The sign-in does not say who signed in.", phase=_PHASE, permanent=True)
        email, login = text(claims, "email"), text(claims, "preferred_username")
        return Person(self.name, claims.issuer, oid, text(claims, "name"), email or login, other_email=login)
