"""The addresses of the Microsoft-like sign-in."""

from __future__ import annotations

from aiohttp import web

from practice.hospital import MICROSOFT
from practice.microsoft.authorize import authorize, logout, pick
from practice.microsoft.discovery import first_configuration, instance, keys, openid_configuration
from practice.microsoft.token import token

_TENANT = f"{MICROSOFT}/{{tenant}}"


def open_to_all(path: str) -> bool:
    """Whether another site's pages and programs may post here."""
    return path.startswith(f"{MICROSOFT}/") and path.endswith(("/oauth2/v2.0/authorize", "/oauth2/v2.0/token"))


ROUTES = [
    web.get(f"{MICROSOFT}/common/discovery/instance", instance),
    web.get(f"{_TENANT}/v2.0/.well-known/openid-configuration", openid_configuration),
    web.get(f"{_TENANT}/.well-known/openid-configuration", first_configuration),
    web.get(f"{_TENANT}/discovery/v2.0/keys", keys),
    web.get(f"{_TENANT}/discovery/keys", keys),
    web.get(f"{_TENANT}/oauth2/v2.0/authorize", authorize),
    web.post(f"{_TENANT}/oauth2/v2.0/authorize", authorize),
    web.post(f"{_TENANT}/oauth2/v2.0/token", token),
    web.get(f"{_TENANT}/oauth2/v2.0/logout", logout),
    web.post(f"{MICROSOFT}/sign-in", pick),
]
