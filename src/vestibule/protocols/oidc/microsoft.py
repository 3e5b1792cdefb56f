"""Where Microsoft Entra ID departs from the book: one authority for many tenants.

The document of `https://login.microsoftonline.com/organizations/v2.0` names the issuer `https://login.microsoftonline.com/{tenantid}/v2.0`,
braces and all, and each id_token is issued by its own tenant's name. Which tenant that is stands in the claim `tid`; `oid` is the person
in it. E-mail addresses and `preferred_username` can be chosen by whoever runs a tenant, so they never say who somebody is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

TEMPLATE: Final = "{tenantid}"
PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # the tenant of everybody's private Microsoft account
_SHARED: Final = frozenset({"organizations", "common"})
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AUTHORITY = re.compile(r"(?P<base>https?://[^?#]*)/(?P<tenant>[^/?#]+)/v2\.0")


def template_of(authority: str) -> str:
    """What the document of `authority` must call its issuer.

    Raises:
        ValueError: it is no authority of the form `https://host/{tenant id or "organizations"}/v2.0`.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not (match["tenant"] in _SHARED or is_guid(match["tenant"])):
        raise ValueError("not an authority such as https://login.microsoftonline.com/organizations/v2.0")
    return authority if is_guid(match["tenant"]) else f"{match['base']}/{TEMPLATE}/v2.0"


def tenant_of(claims: Mapping[str, Any]) -> str:
    """The tenant a token says it is from; empty unless that is the GUID of an organisation."""
    tid = claims.get("tid")
    return tid if isinstance(tid, str) and is_guid(tid) and tid != PERSONAL else ""


def issuer_of_tenant(template: str, tenant: str) -> str:
    """Who signs for a tenant. A template without the braces is already one tenant's name, and `tenant` must be the one in it."""
    if TEMPLATE in template:
        return template.replace(TEMPLATE, tenant)
    return template if template.rpartition("/v2.0")[0].endswith(f"/{tenant}") else ""


def fits(template: str, issuer: str) -> bool:
    """True when `issuer` is what the template says with some tenant in its place."""
    before, braces, after = template.partition(TEMPLATE)
    if not braces:
        return issuer == template
    return issuer.startswith(before) and issuer.endswith(after) and is_guid(issuer[len(before) : len(issuer) - len(after)])


def directory_of(issuer: str) -> str:
    """The tenant that an issuer of Microsoft's names; empty for any other issuer."""
    before, version, after = issuer.rpartition("/v2.0")
    tenant = before.rpartition("/")[2]
    return tenant if version and not after and is_guid(tenant) else ""


def is_guid(text: str) -> bool:
    """True for a GUID as Microsoft writes it: lower case, with hyphens."""
    return _GUID.fullmatch(text) is not None
