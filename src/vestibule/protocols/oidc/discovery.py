"""Reading an OpenID provider's configuration (OpenID Connect Discovery 1.0, 4): a stranger's JSON until it has proved whose it is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.protocols.oauth2 import acceptable, retry_after
from vestibule.protocols.oidc.server import OpenIdServer

PHASE: Final = "sign-in.discovery"
_MAX_DOCUMENT: Final = 262_144


def discover(authority: str, *, issuer: str, loopback_http: bool = False) -> Generator[Ask, Answer, OpenIdServer]:
    """The provider at `authority`.

    Args:
        authority: below which `.well-known/openid-configuration` is found (4.1).
        issuer: what the document must call itself, letter by letter (4.3). The authority's own name, except where a provider of many
            tenants says a template.
        loopback_http: allow plain http on this machine.

    Raises:
        OutsideFailed: openid-unavailable (try again), openid-configuration-invalid, openid-issuer, openid-endpoint-not-allowed.
    """
    answer = yield Ask("GET", f"{authority.rstrip('/')}/.well-known/openid-configuration", PHASE, {"Accept": "application/json"})
    found = _document(answer)
    if found.get("issuer") != issuer:
        raise _wrong("openid-issuer", "The sign-in service calls itself by another name than the one that was set.")
    server = OpenIdServer(
        issuer,
        authorize=_url(found, "authorization_endpoint", loopback_http=loopback_http),
        token=_url(found, "token_endpoint", loopback_http=loopback_http),
        jwks=_url(found, "jwks_uri", loopback_http=loopback_http),
        iss_in_callback=found.get("authorization_response_iss_parameter_supported") is True,  # RFC 9207 3
    )
    # What it says about PKCE is not consulted: S256 is always sent, so that a doctored document cannot talk us down to less.
    return server


def _document(answer: Answer) -> Mapping[str, Any]:
    if answer.busy:
        raise OutsideFailed(
            "openid-unavailable", "The sign-in service does not answer at the moment.", phase=PHASE, retry_after=retry_after(answer)
        )
    try:
        return read_object(answer.body if answer.ok else b"", max_bytes=_MAX_DOCUMENT)  # 4.2: the one good status
    except JsonError as error:
        raise _wrong("openid-configuration-invalid", "What the sign-in service says about itself cannot be read.") from error


def _url(found: Mapping[str, Any], name: str, *, loopback_http: bool) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not acceptable(url, loopback_http=loopback_http):
        raise _wrong("openid-endpoint-not-allowed", "The sign-in service names an address that is not safe to use.")
    return url


def _wrong(code: str, sentence: str) -> OutsideFailed:
    return OutsideFailed(code, sentence, phase=PHASE, permanent=True)
