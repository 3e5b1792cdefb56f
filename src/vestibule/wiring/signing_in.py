"""Where staff sign in, from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from vestibule.adapters.sign_in.client import OpenIdClient, registered
from vestibule.adapters.sign_in.entra import EntraSignIn
from vestibule.adapters.sign_in.oidc import OidcSignIn
from vestibule.identity.ports import SignInProvider
from vestibule.identity.sign_in import HouseRules, SignIns
from vestibule.platform.db import Tx
from vestibule.protocols.oidc import template_of
from vestibule.tenancy.organisations import Organisations
from vestibule.wiring.parts import Parts


def make_sign_ins(parts: Parts) -> SignIns:
    """Signing in at every place the settings name."""
    return SignIns(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        identity=parts.identity,
        members=parts.members,
        audit=parts.audit,
        providers=list(_providers(parts)),
        origin=parts.settings.origin,
        idle=timedelta(minutes=parts.settings.staff_idle_minutes),
        rules=_Rules(parts.organisations),
    )


def _providers(parts: Parts) -> Iterator[SignInProvider]:
    settings = parts.settings
    if settings.entra_client_id:
        authority = settings.entra_authority
        yield EntraSignIn(
            _client(parts, authority, template_of(authority), settings.entra_client_id, settings.entra_client_secret),
        )
    if settings.oidc_issuer:
        client = _client(parts, settings.oidc_issuer, settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
        yield OidcSignIn(client, label=settings.oidc_name)


def _client(parts: Parts, authority: str, issuer: str, client_id: str, secret: str) -> OpenIdClient:
    return OpenIdClient(
        http=parts.http,
        clock=parts.clock,
        authority=authority,
        issuer=issuer,
        client=registered(client_id, secret),
        loopback_http=parts.settings.allow_loopback_http,
    )


class _Rules:
    """What each organisation has set for its members."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    async def __call__(self, tx: Tx) -> HouseRules:
        """Of the organisation the transaction is bound to."""
        found = await self._organisations.get(tx)
        return HouseRules(found.entra_tenant, timedelta(minutes=found.idle_minutes) if found.idle_minutes else None)
