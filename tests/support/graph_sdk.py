"""Microsoft's SDKs for Graph, pointed at the practice cloud: only the host and the token are ours, and a quicker way to two members."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator, BaseBearerTokenAuthenticationProvider
from kiota_abstractions.serialization import ParseNode
from msgraph import GraphRequestAdapter
from msgraph.generated.models.entity import Entity
from msgraph_beta.generated.models.entity import Entity as BetaEntity
from msgraph_core import GraphClientFactory

from support.practice_cloud import Caller


def _own_members(self: Entity) -> dict[str, Callable[[ParseNode], None]]:
    """The two members that the SDKs' base type reads. Theirs first imports every type there is: 2,500 modules, some ten seconds."""
    return {
        "id": lambda node: setattr(self, "id", node.get_str_value()),
        "@odata.type": lambda node: setattr(self, "odata_type", node.get_str_value()),
    }


for _kind in (Entity, BetaEntity):
    _kind.get_field_deserializers = _own_members  # type: ignore[method-assign,assignment]


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
