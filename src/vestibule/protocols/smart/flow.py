"""The steps of a launch and of a backend service as sans-I/O generators: they yield an Ask and are sent its Answer.

SMART App Launch 2.2: "Obtain authorization code", "Obtain access token", "Refresh access token", "Backend Services".
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.jsontext import JsonError, read_json
from vestibule.protocols.jose import Jwks
from vestibule.protocols.oauth2 import ClientIdentity, TokenAnswer, acceptable, ask_token, retry_after
from vestibule.protocols.oauth2.pkce import METHOD
from vestibule.protocols.smart.server import SmartServer

PHASE: Final = "launch.token"
JWKS_PHASE: Final = "launch.jwks"


def authorize_url(
    server: SmartServer,
    *,
    client_id: str,
    redirect_uri: str,
    scope: str,
    state: str,
    aud: str,
    launch: str | None = None,
    challenge: str,
    nonce: str | None = None,
) -> str:
    """Where to send the browser. The endpoint's own query is kept (RFC 6749 3.1)."""
    if not server.authorize:
        raise OutsideFailed("smart-not-found", "The record system does not say where to sign in.", phase="launch.discovery", permanent=True)
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "aud": aud,  # exactly the FHIR base: what keeps a token from being asked for in another server's name
        "launch": launch,
        "code_challenge": challenge,
        "code_challenge_method": METHOD,
        "nonce": nonce,
    }
    glue = "&" if "?" in server.authorize else "?"
    return server.authorize + glue + urlencode({name: value for name, value in fields.items() if value is not None})


def exchange_code(
    server: SmartServer, *, code: str, redirect_uri: str, verifier: str, client: ClientIdentity, now: datetime
) -> Generator[Ask, Answer, TokenAnswer]:
    """Trade the code for tokens (RFC 6749 4.1.3, RFC 7636 4.5)."""
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    return (yield from _token(server, grant, client=client, now=now))


def client_credentials(server: SmartServer, *, scope: str, client: ClientIdentity, now: datetime) -> Generator[Ask, Answer, TokenAnswer]:
    """A token for ourselves (RFC 6749 4.4, SMART "Backend Services"); the scope is compulsory there."""
    grant = {"grant_type": "client_credentials", "scope": scope}
    return (yield from _token(server, grant, client=client, now=now, asked_scope=scope))


def refresh(server: SmartServer, *, refresh_token: str, client: ClientIdentity, now: datetime) -> Generator[Ask, Answer, TokenAnswer]:
    """A new access token (RFC 6749 6); keeps the scope of the first."""
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return (yield from _token(server, grant, client=client, now=now))


def _token(
    server: SmartServer, grant: Mapping[str, str], *, client: ClientIdentity, now: datetime, asked_scope: str = ""
) -> Generator[Ask, Answer, TokenAnswer]:
    return (yield from ask_token(server.token, grant, client=client, now=now, phase=PHASE, asked_scope=asked_scope))


def fetch_jwks(
    url: str, *, now: datetime, headers: Mapping[str, str] | None = None, loopback_http: bool = False
) -> Generator[Ask, Answer, Jwks]:
    """The keys an issuer publishes.

    Raises:
        OutsideFailed: jwks-unavailable (try again), jwks-invalid, smart-endpoint-not-allowed.
    """
    if not acceptable(url, loopback_http=loopback_http):
        raise OutsideFailed(
            "smart-endpoint-not-allowed", "The record system publishes its keys at an unsafe address.", phase=JWKS_PHASE, permanent=True
        )
    answer = yield Ask("GET", url, JWKS_PHASE, {"Accept": "application/json", **(headers or {})})
    if not answer.ok:
        raise OutsideFailed(
            "jwks-unavailable",
            "The record system's keys cannot be fetched.",
            phase=JWKS_PHASE,
            permanent=False,
            retry_after=retry_after(answer),
        )
    try:
        document = read_json(answer.body, max_bytes=262_144, max_depth=8)
    except JsonError as error:
        raise OutsideFailed("jwks-invalid", "The record system's key list cannot be read.", phase=JWKS_PHASE) from error
    return Jwks.of(document, fetched_at=now, phase=JWKS_PHASE)
