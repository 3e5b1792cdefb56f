"""SMART App Launch 2.2 as a client, sans-I/O."""

from vestibule.protocols.jose import Jwks, SigningKey
from vestibule.protocols.oauth2 import ClientIdentity, TokenAnswer
from vestibule.protocols.smart.discovery import discover, openid_configuration
from vestibule.protocols.smart.flow import authorize_url, client_credentials, exchange_code, fetch_jwks, refresh
from vestibule.protocols.smart.id_token import FhirUser, IdClaims, verify_id_token
from vestibule.protocols.smart.scopes import launch_scope, resource_scope, system_scope
from vestibule.protocols.smart.server import SmartServer

__all__ = [
    "ClientIdentity",
    "FhirUser",
    "IdClaims",
    "Jwks",
    "SigningKey",
    "SmartServer",
    "TokenAnswer",
    "authorize_url",
    "client_credentials",
    "discover",
    "exchange_code",
    "fetch_jwks",
    "launch_scope",
    "openid_configuration",
    "refresh",
    "resource_scope",
    "system_scope",
    "verify_id_token",
]
