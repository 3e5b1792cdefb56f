"""OpenID Connect as a relying party (Core 1.0, Discovery 1.0, RFC 7636, RFC 9207): discovery, the request, and whose id_token it is.

The code flow only (Core 3.1). Codes, tokens and signatures are those of `protocols/{oauth2,jose,smart.id_token}`.
"""

from vestibule.protocols.oidc.discovery import discover
from vestibule.protocols.oidc.flow import SCOPE, authorization_url, exchange_code
from vestibule.protocols.oidc.microsoft import TEMPLATE, directory_of, fits, is_guid, issuer_of_tenant, template_of, tenant_of
from vestibule.protocols.oidc.server import OpenIdServer

__all__ = [
    "SCOPE",
    "TEMPLATE",
    "OpenIdServer",
    "authorization_url",
    "directory_of",
    "discover",
    "exchange_code",
    "fits",
    "is_guid",
    "issuer_of_tenant",
    "template_of",
    "tenant_of",
]
