"""Where people and programs sign in: the endpoints, PKCE, what the server says it can do."""

from __future__ import annotations

from collections.abc import Iterator

from vestibule.doctor.checks.describe import Described
from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.kit.origins import origin_of
from vestibule.protocols.jose import SIGNING_ALGORITHMS
from vestibule.protocols.oauth2 import acceptable


def signin(told: Described, *, loopback_http: bool) -> Iterator[Finding]:
    """Judge the sign-in addresses of a record that names some."""
    found = told.discovered
    if not found.token:
        return
    named = [("authorize", found.authorize), ("token", found.token)]
    unsafe = [name for name, url in named if url and not acceptable(url, loopback_http=loopback_http)]
    if unsafe:
        what = f"The record names a sign-in address ({' and '.join(unsafe)}) that is not safe to use: not https, or oddly written."
        yield stops("endpoint-unsafe", what, "The record's operator must correct it.")
        return
    if told.manual_token and not same_origin(told.manual_token, found.token):
        what = f"The record names another sign-in server ({shown(host_of(found.token))}) than was entered by hand; launches refuse it."
        yield stops("endpoint-changed", what, "Ask the record's operator which is right, and correct or remove what was entered.")
    yield from _places(told, found.authorize, found.token)
    yield from _pkce(told)
    yield from _abilities(told)


def _places(told: Described, authorize: str, token: str) -> Iterator[Finding]:
    if not authorize:
        yield stops(
            "authorize-missing", "The record names no address where people sign in.", "EHR launches must be switched on for this base URL."
        )
        return
    away = [url for url in (authorize, token) if not same_site(told.url, url)]
    if away:
        what = f"People or programs sign in at another site than the record's: {shown(host_of(away[0]))}."
        yield look("endpoint-elsewhere", what, "Make sure with the record's operator that this is their sign-in.")
    else:
        yield good("endpoints", "The sign-in addresses belong to the record's own site.")


def same_site(one: str, other: str) -> bool:
    """Whether two addresses seem to belong to one owner: the last two labels of their hosts agree."""
    first, second = host_of(one), host_of(other)
    return bool(first) and (first == second or first.split(".")[-2:] == second.split(".")[-2:])


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of one scheme, host and port."""
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def _pkce(told: Described) -> Iterator[Finding]:
    if told.configuration is None:
        return
    methods = told.configuration.pkce
    if methods is None:
        what = "The record does not say that it checks PKCE. We send S256 with every launch; older records ignore it."
        yield look("pkce-unsaid", what, "Ask the record's operator to announce S256.")
    elif "S256" in methods:
        yield good("pkce", "The record checks PKCE with S256.")
    else:
        what = "The record announces PKCE without S256, the only method that is sent."
        yield stops("pkce-without-s256", what, "The record's operator must switch on S256.")


def _abilities(told: Described) -> Iterator[Finding]:
    if told.configuration is None:
        return
    if told.configuration.capabilities and "launch-ehr" not in told.configuration.capabilities:
        what = "The record does not list launches from the EHR among its abilities."
        yield look("launch-unsaid", what, "Ask the record's operator whether EHR launches are switched on for this base URL.")
    if told.configuration.algs and not set(told.configuration.algs) & set(SIGNING_ALGORITHMS):
        what = "The record accepts none of the signatures our keys make (ES384, RS384, ES256)."
        yield stops("algorithms-differ", what, "The record's operator must allow ES384 or RS384, which SMART demands.")
