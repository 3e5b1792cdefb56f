"""What was entered: client ids, frames, and whether test and production could be mixed up. Nobody is called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.doctor.ports import Neighbour
from vestibule.kit.origins import is_loopback_host, origin_of
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor

# Words of an address that name an environment, alone or at the end of a longer one (Epic: `ocurprd`, `ocurtst`).
_TEST = frozenset({"test", "sandbox", "sup", "poc", "dev", "stg", "stage", "staging", "train", "trn"})
_TEST_ENDS = ("tst", "sbx", "nonprod")
_PRODUCTION = frozenset({"prod", "production", "live"})
_PRODUCTION_ENDS = ("prd",)
# Plain letters and digits that the eye takes for each other; those of other alphabets never get this far.
_ALIKE = str.maketrans("01i5", "olls")


def setup(connection: Connection, neighbours: tuple[Neighbour, ...]) -> Iterator[Finding]:
    """Everything that can be said by looking at the connection alone."""
    yield from _clients(connection)
    yield from _frames(connection)
    yield from _environment(connection)
    yield from _twins(connection, neighbours)


def _clients(connection: Connection) -> Iterator[Finding]:
    ids = {
        "clinicians": connection.provider_client_id,
        "patients": connection.patient_client_id,
        "the back end": connection.backend_client_id,
    }
    if not ids["clinicians"]:
        yield stops(
            "client-provider-missing",
            "There is no client id for clinicians' launches.",
            "Register the provider app at the record and enter its client id.",
        )
    if not ids["patients"]:
        yield look(
            "client-patient-missing",
            "There is no client id for patients' launches.",
            "Register the patient app at the record and enter its client id.",
        )
    if not ids["the back end"] and _is_told(connection):
        what = "There is no client id for the back end: the record is not told who connects and leaves."
        yield look("client-backend-missing", what, "Register the back-end app at the record and enter its client id.")
    given = [client for client in ids.values() if client]
    if len(set(given)) < len(given):
        same = " and ".join(who for who, client in ids.items() if client and given.count(client) > 1)
        yield look("client-shared", f"One client id serves {same}.", "Register an app for each: what one may read, the others need not.")
    elif ids["clinicians"] and ids["patients"]:
        yield good("clients", f"{', '.join(who for who, client in ids.items() if client).capitalize()} have client ids of their own.")
    if connection.client_auth is ClientAuth.SECRET_BASIC and not connection.client_secret:
        yield stops(
            "client-secret-missing",
            "The clients prove themselves by a secret, and none was entered.",
            "Enter the secret, or use keys (private_key_jwt).",
        )


def _is_told(connection: Connection) -> bool:
    """Whether the record is told who connects and who leaves: Epic is, unless its profile says no."""
    status = connection.profile.get("status", {})
    return connection.vendor is Vendor.EPIC and not (isinstance(status, Mapping) and status.get("on") is False)


def _frames(connection: Connection) -> Iterator[Finding]:
    frames = connection.frame_ancestors
    if not frames:
        what = "No page may show ours in a frame: launches work in windows of their own only."
        yield look("frame-missing", what, "If the record shows visits inside its own window, enter the origin of its pages.")
        return
    plain = [frame for frame in frames if not frame.startswith("https://") and not is_loopback_host(host_of(frame))]
    if plain:
        yield look("frame-plain", f"{shown(plain[0])} may show our pages in a frame and is not https.", "Enter the https origin.")
    try:
        own = origin_of(connection.iss)
    except ValueError:
        return
    if own in frames:
        yield good("frames", "The record's own origin may show our pages in a frame.")
    else:
        others = " and others" if len(frames) > 1 else ""
        what = f"{shown(frames[0])}{others} may show our pages in a frame, and the record's own origin {shown(own)} may not."
        yield look("frame-elsewhere", what, "Right where the record's screens come from another address than its FHIR server; else add it.")


def hint(url: str) -> Environment | None:
    """Which environment an address seems to name; None when it names none, or both."""
    text = re.sub(r"non-?prod\w*", "nonprod", url.partition("://")[2].lower())
    words = set(re.split(r"[^a-z0-9]+", text))
    test = bool(words & _TEST) or any(word.endswith(_TEST_ENDS) for word in words) or "ehr-code.cerner." in text
    production = bool(words & _PRODUCTION) or any(word.endswith(_PRODUCTION_ENDS) for word in words)
    if test == production:
        return None
    return Environment.TEST if test else Environment.PRODUCTION


def _environment(connection: Connection) -> Iterator[Finding]:
    named = hint(connection.iss)
    if named is not None and named is not connection.environment:
        what = f"The address looks like {named} and the connection is marked {connection.environment}."
        yield look("environment-doubtful", what, "Make sure which it is: a launch from the wrong one is refused.")


def _twins(connection: Connection, neighbours: tuple[Neighbour, ...]) -> Iterator[Finding]:
    for other in neighbours:
        if other.own and other.iss == connection.iss:
            what = f"The connection {shown(other.name)} ({other.environment}) has the same address."
            yield stops("iss-twice", what, "One FHIR base URL is one environment: remove one of the two.")
        elif other.iss == connection.iss:
            what = "Another organisation here uses the same address."
            yield look("iss-shared", what, "Right where organisations share one record on purpose; a launch then asks whose visit it is.")
        elif other.own and _folded(other.iss) == _folded(connection.iss):
            what = f"The connection {shown(other.name)} ({other.environment}) has nearly the same address: only capitals or a slash differ."
            yield look("iss-nearly-twice", what, "Remove the one that the record does not send.")

    near = next((other for other in neighbours if other.own and _resembles(host_of(other.iss), host_of(connection.iss))), None)
    if near is not None:
        hosts = f"{shown(host_of(connection.iss))} is hard to tell from {shown(host_of(near.iss))}"
        what = f"The host {hosts}, which the connection {shown(near.name)} has."
        yield look("host-resembles", what, "Read both letter by letter: one may have been made to be taken for the other.")


def _resembles(one: str, other: str) -> bool:
    """Two different names that the eye takes for one."""
    return one != other and _skeleton(one) == _skeleton(other)


def _skeleton(host: str) -> str:
    return host.replace("rn", "m").replace("vv", "w").translate(_ALIKE)


def _folded(url: str) -> str:
    return url.lower().rstrip("/")
