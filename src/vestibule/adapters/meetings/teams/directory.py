"""The port `Directory`: signing in at one organisation's Microsoft Entra directory, with the application that is registered there.

The sign-in's address names the directory, because an application of a single directory can be used nowhere else; so Microsoft itself
turns most strangers away, on a page of its own from which nobody comes back to us. Whoever does come back is judged again all the same.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.tokens import proof
from vestibule.adapters.sign_in.client import OpenIdClient
from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.identity.ports import Asked
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account
from vestibule.meetings.ports import SignedIn
from vestibule.platform.http import Http
from vestibule.protocols.jose import peek
from vestibule.protocols.oauth2 import Returned
from vestibule.protocols.oidc import OpenIdServer, is_guid, template_of

_PHASE: Final = "sign-in.token"
_SCOPE: Final = "openid profile"  # without `profile` there is no object id in the token; an e-mail address is not asked for
_MOST_KEPT: Final = 1_000
_GUEST: Final = 1  # the optional claim `acct`: 0 for a member of the directory, 1 for a guest


@dataclass(frozen=True, slots=True)
class _Application:
    """Us, as registered in a directory: Entra wants the id named beside every proof."""

    account: Account
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        """Of the application."""
        return self.account.client_id

    def prove(self, token_url: str, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """By certificate or secret, as for everything else at this directory."""
        return {"client_id": self.client_id, **proof(self.account, token_url, now)}, {}


class EntraDirectory:
    """Remembers what each directory says of itself for a while."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool = False) -> None:
        self._http = http
        self._clock = clock
        self._places = places
        self._loopback = loopback_http
        self._clients: OrderedDict[tuple[str, ...], OpenIdClient] = OrderedDict()

    async def depart(self, account: Account, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Where to send the browser: always with a choice of account, for a workstation is shared."""
        url, server = await self._client(account).depart(asked, prompt="select_account")
        return url, server.to_json()

    async def arrive(self, account: Account, asked: Asked, returned: Returned, kept: dict[str, Any]) -> SignedIn:
        """Who came back."""
        server, client = OpenIdServer.from_json(kept), self._client(account)
        answer = await client.exchange(returned, asked, server, issuer=server.issuer)
        # Said before its signature is looked at, for it can only turn somebody away, and a signature of elsewhere says nothing useful.
        if peek(answer.id_token, phase=_PHASE).get("tid") != account.directory:
            raise NotAllowed("teams-wrong-directory", "This account is of another Microsoft directory.", phase=_PHASE)
        claims = (await client.judge(answer, asked, server, issuer=server.issuer)).claims
        oid = claims.get("oid")
        if not isinstance(oid, str) or not is_guid(oid):
            raise OutsideFailed("entra-person-missing", "The sign-in does not say who signed in.", phase=_PHASE, permanent=True)
        return SignedIn(oid, account.directory, guest=is_guest(claims, server.issuer, account.directory))

    def _client(self, account: Account) -> OpenIdClient:
        """What we know of a directory is kept by what we are there: whoever enters another proof begins anew."""
        key = _key(account)
        if key not in self._clients:
            authority = f"{self._places.login}/{account.directory}/v2.0"
            self._clients[key] = OpenIdClient(
                http=self._http,
                clock=self._clock,
                authority=authority,
                issuer=template_of(authority),
                client=_Application(account),
                scope=_SCOPE,
                loopback_http=self._loopback,
            )
            while len(self._clients) > _MOST_KEPT:
                self._clients.popitem(last=False)
        return self._clients[key]


def is_guest(claims: Mapping[str, Any], issuer: str, directory: str) -> bool:
    """Whether somebody is only invited into the directory.

    `idp` says who vouched for them, and stands in the token only where that is not the directory itself ("ID token claims reference");
    `acct` says it outright, where the administrator had it added.
    """
    vouched = claims.get("idp")
    own = {issuer, f"https://sts.windows.net/{directory}/"}
    return claims.get("acct") == _GUEST or (isinstance(vouched, str) and vouched not in own)


def _key(account: Account) -> tuple[str, ...]:
    proved = account.key.id if account.key else hashlib.sha256(account.secret.encode()).hexdigest()
    return (str(account.tenant), account.directory, account.client_id, account.proof.value, proved)
