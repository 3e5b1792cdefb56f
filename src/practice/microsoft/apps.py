"""Apps that prove themselves: by a secret, or by an assertion signed with a registered certificate; and tokens of their own for Graph."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from practice.hospital import GRAPH, Hospital
from practice.microsoft.errors import Refusal, missing
from practice.microsoft.graph.answers import AUDIENCES
from practice.microsoft.places import Place, app_at
from practice.model import SignInApp

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ("PS256", "RS256")
_ROOMY = JWSRegistry(algorithms=list(_ALGORITHMS))
_ROOMY.max_header_length = 8_000  # Microsoft's own SDK sends the whole certificate along
_LONGEST = 24 * 3600  # seconds an assertion may live
_LATE = 300  # by so much clocks may differ
_BACK = 300


def proven(house: Hospital, where: Place, params: Mapping[str, str]) -> SignInApp:
    """The app, once it has proved to be it.

    Raises:
        Refusal: in Microsoft's words.
    """
    for name in ("client_id", "grant_type"):
        if not params.get(name):
            raise missing(name)
    app = app_at(house.book, where, params["client_id"])
    if params.get("client_assertion"):
        _check_assertion(house, where, app, params)
    elif params.get("client_secret"):
        _check_secret(app, params["client_secret"])
    else:
        raise _refused(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
    return app


def _refused(number: int, sentence: str) -> Refusal:
    return Refusal(number, "invalid_client", sentence, status=401)


def _check_secret(app: SignInApp, secret: str) -> None:
    if not app.secret or not hmac.compare_digest(app.secret.encode(), secret.encode()):
        raise _refused(
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client "
            f"secret ID, for a secret added to app '{app.client_id}'.",
        )
    if app.secret_expired:
        raise _refused(7000222, f"The provided client secret keys for app '{app.client_id}' are expired. Create new keys for your app.")


# ---------------------------------------------------------------------- assertions


def _check_assertion(house: Hospital, where: Place, app: SignInApp, params: Mapping[str, str]) -> None:
    if params.get("client_assertion_type") != ASSERTION:
        raise Refusal(900144, "invalid_request", "The request body must contain the following parameter: 'client_assertion_type'.")
    head, claims = _peek(params["client_assertion"])
    key = _registered(house, app, head)
    try:
        jwt.decode(params["client_assertion"], key, algorithms=list(_ALGORITHMS), registry=_ROOMY)
    except (JoseError, ValueError) as error:
        raise _refused(
            700027, f"The certificate's signature of the client assertion does not verify. Client: '{app.client_id}'."
        ) from error
    if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id:
        raise _refused(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
    if claims.get("aud") not in _audiences(house, where):
        raise _refused(700023, "Client assertion audience claim does not match Realm issuer.")
    if not claims.get("jti"):
        raise _refused(50027, "JWT token is invalid or malformed: 'jti' is missing.")
    _check_times(claims, house.now())


def _audiences(house: Hospital, where: Place) -> set[str]:
    """The token endpoint's address, or the issuer's, under any name of the directory."""
    return {f"{house.at.microsoft}/{where.word}{rest}" for rest in ("/oauth2/v2.0/token", "/v2.0")}


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    begins, ends = claims.get("nbf", claims.get("iat", now)), claims.get("exp")
    if not _number(begins) or not _number(ends) or not begins - _LATE <= now < ends + _LATE or ends - begins > _LONGEST:
        raise _refused(700024, "Client assertion is not within its valid time range.")


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _peek(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        first, second, _ = assertion.split(".")
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (first, second))
    except ValueError as error:
        raise _refused(50027, "JWT token is invalid or malformed.") from error
    if not isinstance(head, dict) or not isinstance(claims, dict) or head.get("alg") not in _ALGORITHMS:
        raise _refused(50027, "JWT token is invalid or malformed.")
    return head, claims


def _registered(house: Hospital, app: SignInApp, head: Mapping[str, Any]) -> RSAKey:
    """The key of the certificate whose thumbprint the assertion names."""
    named = str(head.get("x5t#S256") or head.get("x5t") or "").rstrip("=")  # Microsoft's own SDK pads it
    for text in app.certificates:
        certificate = read(text)
        if named in thumbprints(certificate):
            if not certificate.not_valid_before_utc.timestamp() <= house.now() <= certificate.not_valid_after_utc.timestamp():
                raise _unknown(named, "The key used is expired.")
            public = certificate.public_key()
            if isinstance(public, rsa.RSAPublicKey):
                return RSAKey.import_key(public)
    raise _unknown(named, "The key was not found.")


def _unknown(named: str, reason: str) -> Refusal:
    return _refused(
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - {reason}, Thumbprint of key used by client: '{named[:80]}']",
    )


def read(text: str) -> x509.Certificate:
    """A certificate from Base64, with or without the lines of a PEM.

    Raises:
        ValueError: it is none.
    """
    lines = [line for line in text.split("\n") if not line.startswith("-----")]
    return x509.load_der_x509_certificate(base64.b64decode("".join("".join(lines).split()), validate=True))


def thumbprints(certificate: x509.Certificate) -> set[str]:
    """By what an assertion may name it: `x5t` or `x5t#S256`."""
    der = certificate.public_bytes(Encoding.DER)
    digests = (hashlib.sha1(der, usedforsecurity=False).digest(), hashlib.sha256(der).digest())
    return {base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests}


# ---------------------------------------------------------------------- tokens without a person


def own_token(house: Hospital, where: Place, app: SignInApp, params: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a client_credentials request: a token for Graph, with the permissions that an administrator agreed to.

    Raises:
        Refusal: the scope is not `{Graph}/.default`, or no directory is named.
    """
    resource, dot, _ = params.get("scope", "").rpartition("/.default")
    if not params.get("scope"):
        raise missing("scope")
    if not dot or " " in resource:
        raise Refusal(
            1002012,
            "invalid_scope",
            f"The provided value for scope {params['scope'][:100]} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI).",
        )
    if resource not in {*AUDIENCES, f"{house.at.base}{GRAPH}"}:
        raise Refusal(500011, "invalid_resource", f"The resource principal named {resource[:100]} was not found in the tenant.")
    if not where.tid:
        raise Refusal(
            50059,
            "invalid_request",
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        )
    life = house.book.settings.access_seconds - 1
    return {
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": house.sign_ins.keys.sign(_claims(house, where, app, life)),
    }


def _claims(house: Hospital, where: Place, app: SignInApp, life: int) -> dict[str, Any]:
    now, principal = int(house.now()), hashlib.sha256(f"{where.tid} {app.client_id}".encode()).hexdigest()
    claims: dict[str, Any] = {
        "aud": AUDIENCES[0],
        "iss": f"https://sts.windows.net/{where.tid}/",
        "iat": now,
        "nbf": now - _BACK,
        "exp": now + life,
        "app_displayname": app.name,
        "appid": app.client_id,
        "appidacr": "2" if app.certificates else "1",
        "idtyp": "app",
        "oid": f"{principal[:8]}-{principal[8:12]}-4{principal[13:16]}-8{principal[17:20]}-{principal[20:32]}",
        "tid": where.tid,
        "uti": house.graph.give(secrets.token_urlsafe(16)),
        "ver": "1.0",
    }
    return {**claims, "roles": list(app.permissions)} if where.tid in app.consented and app.permissions else claims
