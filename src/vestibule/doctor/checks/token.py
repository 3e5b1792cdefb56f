"""A real token request: does the record know our clients and our keys?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from vestibule.doctor.checks.describe import Described
from vestibule.doctor.checks.signin import same_site
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.doctor.ports import Outside
from vestibule.errors import VestibuleError
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import new_secret
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.protocols.jose import SIGNING_ALGORITHMS, SigningKey
from vestibule.protocols.oauth2 import acceptable
from vestibule.protocols.smart import ClientIdentity
from vestibule.tenancy.model import ClientAuth, Connection
from vestibule.tenancy.service import ConnectionKey

PHASE: Final = "doctor.token"
_SECONDS = 5.0
# In its error codes OAuth allows these letters only (RFC 6749 5.2); a code is at most as long as the longest registered one.
_MOST = 40


@dataclass(frozen=True, slots=True)
class Asking:
    """One client that asks for a token."""

    who: str
    client_id: str
    grant: dict[str, str]
    good: frozenset[str]  # the answers by which the record shows that it knows the client


def askings(connection: Connection, told: Described, origin: str) -> list[Asking]:
    """Which clients can be tried. People's clients ask with a code that never was: only whether *they* are known matters."""
    capabilities = told.configuration.capabilities if told.configuration else frozenset[str]()
    old = "permission-v1" in capabilities and "permission-v2" not in capabilities
    scope = _own_scope(connection) or ("system/Appointment.read" if old else "system/Appointment.rs")
    backend = {"grant_type": "client_credentials", "scope": scope}
    code = {
        "grant_type": "authorization_code",
        "code": new_secret(),
        "redirect_uri": f"{origin}/launch/callback",
        "code_verifier": new_secret(48),
    }
    people = frozenset({"invalid_grant"})
    asked = [
        Asking("the back end", connection.backend_client_id, backend, frozenset()),
        Asking("clinicians", connection.provider_client_id, code, people),
        Asking("patients", connection.patient_client_id, code, people),
    ]
    return [one for one in asked if one.client_id] if connection.client_auth is not ClientAuth.PUBLIC else []


def _own_scope(connection: Connection) -> str:
    """What the connection's profile has the back end ask for (`status.scope`)."""
    status = connection.profile.get("status", {})
    scope = status.get("scope", "") if isinstance(status, Mapping) else ""
    return scope if isinstance(scope, str) else ""


async def tokens(
    outside: Outside,
    connection: Connection,
    keys: tuple[ConnectionKey, ...],
    told: Described,
    now: datetime,
    *,
    origin: str,
    loopback_http: bool,
) -> list[Finding]:
    """Ask for a token as each client that can be tried, side by side, and put the answers into words."""
    url = told.token
    if not acceptable(url, loopback_http=loopback_http):
        return []
    if connection.client_auth is ClientAuth.SECRET_BASIC and not _trusted_with_secret(connection, url):
        what = "The token address is at another site than the record: the clients' secret was not sent there to try it."
        return [look("token-not-tried", what, "If the address is right, enter it as the connection's token address.")]
    clients = [(asking, _identity(connection, asking.client_id, keys, told, now)) for asking in askings(connection, told, origin)]
    return await asyncio.gather(*(_ask(outside, url, asking, client, now) for asking, client in clients if client is not None))


def _trusted_with_secret(connection: Connection, url: str) -> bool:
    """A secret, unlike a signature, can be used again by whoever gets it: it goes to the record's own site, or where a person said."""
    return same_site(connection.iss, url) or (bool(connection.token_url) and same_site(connection.token_url, url))


def _identity(
    connection: Connection, client_id: str, keys: tuple[ConnectionKey, ...], told: Described, now: datetime
) -> ClientIdentity | None:
    headers = {"Epic-Client-ID": client_id}
    if connection.client_auth is ClientAuth.SECRET_BASIC:
        secret = connection.client_secret
        return ClientIdentity(client_id, "client_secret_basic", secret=secret, headers=headers) if secret else None
    key = _key(keys, told, now)
    return ClientIdentity(client_id, "private_key_jwt", key=key, headers=headers) if key else None


def _key(keys: tuple[ConnectionKey, ...], told: Described, now: datetime) -> SigningKey | None:
    """The key a launch would sign with."""
    accepted = told.configuration.algs if told.configuration else ()
    algs = [alg for alg in SIGNING_ALGORITHMS if not accepted or alg in accepted] or list(SIGNING_ALGORITHMS)
    active = [key.key for key in keys if key.active_from <= now]
    return next((key for alg in algs for key in active if key.alg == alg), None)


async def _ask(outside: Outside, url: str, asking: Asking, client: ClientIdentity, now: datetime) -> Finding:
    proof, headers = client.prove(url, now)
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **client.headers, **headers}
    try:
        answer = await outside.perform(Ask("POST", url, PHASE, sent, urlencode({**asking.grant, **proof}).encode()), timeout=_SECONDS)
    except VestibuleError as error:
        return stops(
            "token-unreached",
            f"The record's sign-in for programs cannot be used: {error.sentence}",
            "Check the network, then ask the record's operator.",
        )
    return judged(asking, answer)


def judged(asking: Asking, answer: Answer) -> Finding:
    """What a token answer says about the client."""
    who = asking.who
    if answer.ok:
        return good("token", f"The record gave {who} a token: it knows our client and our key.")
    error = _error(answer)
    if error in asking.good:
        return good("token", f"The record knows the client of {who} and its key.")
    if error == "invalid_client":
        what = (
            f"The record does not accept the client of {who} (invalid_client): "
            "keys or OAuth are not set up there, or it has not fetched our keys yet."
        )
        return stops(
            "token-invalid-client",
            what,
            "Compare the client id and the JWKS address at the record. Epic fetches new keys within an hour in its sandbox, else 24 hours.",
        )
    if error == "unauthorized_client":
        what = f"The record knows the client of {who} and does not allow it this kind of access (unauthorized_client)."
        kind = "a launch (authorization_code)" if asking.good else "a back-end (client_credentials)"
        return stops("token-unauthorized-client", what, f"Register the client at the record as {kind} app.")
    if error == "invalid_scope":
        what = f"The record does not grant {who} the reading of appointments (invalid_scope)."
        return look(
            "token-invalid-scope", what, "Allow the client the system scope on Appointment, or name another in the connection's profile."
        )
    if answer.busy:
        return look(
            "token-failing",
            f"The record's sign-in answers with a fault (HTTP {answer.status}).",
            "Try again later; if it lasts, ask its operator.",
        )
    what = f"The record refused {who} a token (HTTP {answer.status}{', ' + error if error else ''})."
    return stops("token-refused", what, "Show this to the record's operator.")


def _error(answer: Answer) -> str:
    """The OAuth error code, cleaned: letters, digits, underscores, and not many."""
    try:
        said = str(read_object(answer.body, max_bytes=65_536, max_depth=16).get("error", ""))
    except JsonError:
        return ""
    return shown("".join(c for c in said[:_MOST] if c.isascii() and (c.isalnum() or c == "_")))
