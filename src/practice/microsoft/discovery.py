"""How clients find the sign-in: OpenID discovery for one directory or for all, the keys, and instance discovery for Microsoft's own SDK."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from practice.calls import note
from practice.hospital import MICROSOFT, Hospital, hospital
from practice.microsoft.errors import Refusal
from practice.microsoft.places import Place, place

_CLAIMS = ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "oid", "tid", "ver", "email"]


def _place(request: web.Request) -> Place:
    return place(hospital(request).book, request.match_info["tenant"])


def refused(house: Hospital, request: web.Request, refusal: Refusal) -> web.Response:
    """A refusal as JSON."""
    note(request, error=refusal.error, why=refusal.description[:300])
    return web.json_response(refusal.body(house.now()), status=refusal.status, headers={"Cache-Control": "no-store"})


def _document(house: Hospital, where: Place) -> dict[str, Any]:
    base = f"{house.at.microsoft}/{where.word}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": where.issuer(house.at.microsoft),
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "claims_supported": _CLAIMS,
        "tenant_region_scope": None,
        "cloud_instance_name": "microsoftonline.com",
    }


async def openid_configuration(request: web.Request) -> web.StreamResponse:
    """OpenID Connect Discovery 1.0. For `organizations` the issuer keeps its braces, as the real one's does."""
    house = hospital(request)
    note(request, endpoint="discovery", tenant=request.match_info["tenant"][:80])
    try:
        return web.json_response(_document(house, _place(request)))
    except Refusal as refusal:
        return refused(house, request, refusal)


async def first_configuration(request: web.Request) -> web.StreamResponse:
    """The document of version 1, by which those tokens are judged that Microsoft's own services send: their issuer has its own name."""
    house = hospital(request)
    note(request, endpoint="discovery", tenant=request.match_info["tenant"][:80])
    try:
        where = _place(request)
    except Refusal as refusal:
        return refused(house, request, refusal)
    base = f"{house.at.microsoft}/{where.word}"
    first = {
        "issuer": f"https://sts.windows.net/{where.tid or '{tenantid}'}/",
        "jwks_uri": f"{base}/discovery/keys",
        "token_endpoint": f"{base}/oauth2/token",
        "authorization_endpoint": f"{base}/oauth2/authorize",
    }
    return web.json_response(_document(house, where) | first)


async def keys(request: web.Request) -> web.StreamResponse:
    """The public signing keys."""
    house = hospital(request)
    note(request, endpoint="keys", tenant=request.match_info["tenant"][:80])
    try:
        issuer = _place(request).issuer(house.at.microsoft)
    except Refusal as refusal:
        return refused(house, request, refusal)
    return web.json_response(house.sign_ins.keys.public(issuer), headers={"Cache-Control": "max-age=86400, private"})


async def instance(request: web.Request) -> web.StreamResponse:
    """Where Microsoft's SDK asks whether it knows this host."""
    house = hospital(request)
    note(request, endpoint="instance")
    asked = urlsplit(request.query.get("authorization_endpoint", ""))
    tenant = asked.path.removeprefix(f"{MICROSOFT}/").partition("/")[0]
    known = asked.hostname == urlsplit(house.at.base).hostname  # the SDK leaves the port out
    if not known or not asked.path.startswith(f"{MICROSOFT}/") or not tenant:
        return refused(house, request, Refusal(50049, "invalid_instance", "Unknown or invalid instance."))
    return web.json_response(
        {
            "tenant_discovery_endpoint": f"{house.at.microsoft}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": request.host, "preferred_cache": request.host, "aliases": [request.host]}],
        }
    )
