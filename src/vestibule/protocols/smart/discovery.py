"""Finding a server's endpoints: smart-configuration, else the CapabilityStatement, else what the operator typed in.

SMART App Launch 2.2 "Conformance" and, for the older way, SMART 1.0 "oauth-uris". Both documents are read without signing in.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.kit.origins import origin_of
from vestibule.protocols.oauth2 import acceptable, retry_after
from vestibule.protocols.smart.server import SmartServer

PHASE: Final = "launch.discovery"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_MAX_METADATA: Final = 10_000_000  # real capability statements pass a megabyte


def discover(
    iss: str, *, client_id: str, manual_authorize: str = "", manual_token: str = "", loopback_http: bool = False
) -> Generator[Ask, Answer, SmartServer]:
    """Find where to sign in for the FHIR base `iss`.

    Args:
        iss: the FHIR base URL, already matched against a registered connection.
        client_id: sent as `Epic-Client-ID`, since Epic may answer differently for each client; may be empty.
        manual_authorize: used when neither document names endpoints.
        manual_token: likewise; and a discovered token endpoint must be of the same origin.
        loopback_http: allow plain http on this machine (the practice hospital).

    Raises:
        OutsideFailed: smart-configuration-invalid, smart-endpoint-not-allowed, smart-not-found, smart-unavailable.
    """
    headers = {"Epic-Client-ID": client_id} if client_id else {}
    base = iss.rstrip("/")
    first = yield Ask("GET", f"{base}/.well-known/smart-configuration", PHASE, {"Accept": "application/json", **headers})
    found = _object(first)
    if found is not None:
        return _pinned(_from_configuration(iss, found, loopback_http), manual_token)
    second = yield Ask("GET", f"{base}/metadata", PHASE, {"Accept": "application/fhir+json, application/json", **headers})
    uris = dict(_oauth_uris(_object(second) or {}))
    if "authorize" in uris and "token" in uris:
        return _pinned(
            _checked(SmartServer(iss, uris["authorize"], uris["token"], "capability", loopback_http=loopback_http)), manual_token
        )
    if manual_authorize and manual_token:
        return _checked(SmartServer(iss, manual_authorize, manual_token, "manual", loopback_http=loopback_http))
    raise _nothing_found(first, second)


def _object(answer: Answer) -> dict[str, Any] | None:
    # A server without the document may also say 200 with a page for people; both mean "not here".
    if not answer.ok:
        return None
    try:
        return read_object(answer.body, max_bytes=_MAX_METADATA)
    except JsonError as error:
        if answer.body.lstrip()[:1] != b"{":
            return None
        raise OutsideFailed(
            "smart-configuration-invalid", "What the record system says about itself cannot be read.", phase=PHASE
        ) from error


def _from_configuration(iss: str, found: Mapping[str, Any], loopback_http: bool) -> SmartServer:  # noqa: FBT001
    # PKCE methods are not consulted: S256 is always sent, so that a doctored document cannot talk us down to less.
    return _checked(
        SmartServer(
            iss,
            authorize=_text(found, "authorization_endpoint"),
            token=_text(found, "token_endpoint"),
            source="smart-configuration",
            issuer=_text(found, "issuer"),
            jwks=_text(found, "jwks_uri"),
            capabilities=frozenset(_texts(found.get("capabilities"))),
            iss_in_callback=found.get("authorization_response_iss_parameter_supported") is True,
            signing_algs=tuple(_texts(found.get("token_endpoint_auth_signing_alg_values_supported"))),
            loopback_http=loopback_http,
        )
    )


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise OutsideFailed("smart-configuration-invalid", "What the record system says about itself cannot be read.", phase=PHASE)
    return value


def _checked(server: SmartServer) -> SmartServer:
    # authorize may be missing where a server offers backend services only; the launch itself asks for it.
    optional = (server.authorize, server.jwks, server.issuer)
    if not all(acceptable(url, loopback_http=server.loopback_http) for url in (server.token, *filter(None, optional))):
        raise OutsideFailed(
            "smart-endpoint-not-allowed",
            "The record system names a sign-in address that is not safe to use.",
            phase=PHASE,
            permanent=True,
        )
    return server


def _pinned(server: SmartServer, manual_token: str) -> SmartServer:
    if manual_token and origin_of(server.token) != origin_of(manual_token):
        raise OutsideFailed(
            "smart-endpoint-not-allowed",
            "The record system names another sign-in server than the one this connection was set up with.",
            phase=PHASE,
            permanent=True,
        )
    return server


def _oauth_uris(capability: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for rest in _dicts(capability.get("rest")):
        security = rest.get("security")
        for extension in _dicts(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") != _OAUTH_URIS:
                continue
            for part in _dicts(extension.get("extension")):
                if isinstance(part.get("url"), str) and isinstance(part.get("valueUri"), str):
                    yield part["url"], part["valueUri"]


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _nothing_found(*answers: Answer) -> OutsideFailed:
    busy = next((answer for answer in answers if answer.busy), None)
    if busy is not None:
        return OutsideFailed(
            "smart-unavailable",
            "The record system does not answer at the moment.",
            phase=PHASE,
            permanent=False,
            retry_after=retry_after(busy),
        )
    return OutsideFailed("smart-not-found", "The record system does not say where to sign in.", phase=PHASE, permanent=True)


def openid_configuration(issuer: str, *, client_id: str, loopback_http: bool = False) -> Generator[Ask, Answer, str]:
    """The `jwks_uri` of an issuer whose server told us none (OIDC Discovery 4).

    Raises:
        OutsideFailed: smart-configuration-invalid when the document is not this issuer's own (4.3: the two MUST be identical).
    """
    headers = {"Accept": "application/json"} | ({"Epic-Client-ID": client_id} if client_id else {})
    answer = yield Ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", PHASE, headers)
    found = _object(answer) or {}
    if found.get("issuer") != issuer or not acceptable(found.get("jwks_uri"), loopback_http=loopback_http):
        raise OutsideFailed("smart-configuration-invalid", "What the record system says about itself cannot be read.", phase=PHASE)
    return _text(found, "jwks_uri")
