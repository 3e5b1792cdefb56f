"""The authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636)."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from vestibule.kit.exchange import Answer, Ask
from vestibule.protocols.oauth2 import Prover, TokenAnswer, ask_token
from vestibule.protocols.oauth2.pkce import METHOD
from vestibule.protocols.oidc.server import OpenIdServer

PHASE: Final = "sign-in.token"
SCOPE: Final = "openid profile email"


def authorization_url(
    server: OpenIdServer,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    nonce: str,
    challenge: str,
    prompt: str = "",
    scope: str = SCOPE,
) -> str:
    """Where to send the browser (3.1.2.1). The endpoint's own query is kept (RFC 6749 3.1)."""
    fields = {
        "response_type": "code",
        "response_mode": "query",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": METHOD,
        "prompt": prompt,
    }
    glue = "&" if "?" in server.authorize else "?"
    return server.authorize + glue + urlencode({name: value for name, value in fields.items() if value})


def exchange_code(
    server: OpenIdServer, *, code: str, redirect_uri: str, verifier: str, client: Prover, now: datetime
) -> Generator[Ask, Answer, TokenAnswer]:
    """Trade the code for an id_token (3.1.3.1, RFC 7636 4.5)."""
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    return (yield from ask_token(server.token, grant, client=client, now=now, phase=PHASE, asked_scope=SCOPE))
