"""How clients find the endpoints: smart-configuration, OpenID discovery, the JWKS."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from practice.calls import outcome
from practice.hospital import Hospital, hospital, version_of
from practice.oauth.clients import ALGORITHMS

_METHODS = ["private_key_jwt", "client_secret_basic", "client_secret_post"]


def _common(house: Hospital) -> dict[str, Any]:
    return {
        "issuer": house.at.issuer,
        "jwks_uri": house.at.jwks,
        "authorization_endpoint": house.at.authorize,
        "token_endpoint": house.at.token,
        "token_endpoint_auth_methods_supported": _METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        **({"code_challenge_methods_supported": ["S256"]} if house.book.settings.pkce else {}),
        "scopes_supported": ["openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access"],
        "authorization_response_iss_parameter_supported": house.book.settings.response_iss != "off",
    }


async def smart_configuration(request: web.Request) -> web.StreamResponse:
    """SMART 2.2 "Well-Known Uniform Resource Identifiers"; can be switched off so that clients must read the CapabilityStatement."""
    house = hospital(request)
    version = version_of(request.path)
    if not house.book.settings.smart_configuration or version == "DSTU2" or version not in house.book.settings.fhir_versions:
        return outcome(404, "no smart-configuration here")
    capabilities = [
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "context-banner",
        "context-ehr-patient",
        "context-ehr-encounter",
        "context-standalone-patient",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
        "sso-openid-connect",
        "authorize-post",
    ]
    return web.json_response({**_common(house), "capabilities": capabilities})


async def openid_configuration(request: web.Request) -> web.StreamResponse:
    """OpenID Connect Discovery 1.0, section 3."""
    more = {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]}
    return web.json_response({**_common(hospital(request)), **more})


async def jwks(request: web.Request) -> web.StreamResponse:
    """The public signing keys."""
    return web.json_response(hospital(request).keys.public(), headers={"Cache-Control": "max-age=60"})
