"""Microsoft's SDKs for Graph, pointed at the practice cloud: only the host and the token are ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator, BaseBearerTokenAuthenticationProvider
from msgraph import GraphRequestAdapter
from msgraph_core import GraphClientFactory

from support.practice_cloud import Caller


class Token(AccessTokenProvider):
    """The token that the practice cloud gave."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_authorization_token(self, uri: str, additional_authentication_context: dict[str, object] | None = None) -> str:
        return self._token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator([])


@asynccontextmanager
async def adapter(caller: Caller, version: str) -> AsyncIterator[GraphRequestAdapter]:
    """What an SDK's client sends with. Its own pipeline does not close what it wraps, so that is done here."""
    client = httpx.AsyncClient(trust_env=False, timeout=10)
    under = client._transport
    sends = GraphClientFactory.create_with_default_middleware(client=client)
    made = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token(caller.token)), sends)
    made.base_url = f"{caller.hospital.hospital.at.graph}/{version}"
    yield made
    await under.aclose()
