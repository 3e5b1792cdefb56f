"""Who somebody is, in the many ways Graph says it. Pure.

`identitySet` holds one identity under the name of its kind; an attendance record holds a bare one. Guests who come by a browser stand under
`guest` or as a user of Azure Communication Services; names of kinds came in several spellings over the years.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vestibule.adapters.meetings.teams.reading import member, text
from vestibule.meetings.model import Identity, IdentityKind
from vestibule.protocols.oidc import is_guid

_KINDS: Final[tuple[tuple[str, IdentityKind], ...]] = (
    ("user", IdentityKind.USER),
    ("guest", IdentityKind.GUEST),
    ("azureCommunicationServicesUser", IdentityKind.GUEST),
    ("acsUser", IdentityKind.GUEST),
    ("anonymous", IdentityKind.GUEST),
    ("phone", IdentityKind.PHONE),
    ("application", IdentityKind.APPLICATION),
    ("acsApplicationInstance", IdentityKind.APPLICATION),
    ("applicationInstance", IdentityKind.APPLICATION),
)


def of_set(identities: Any) -> Identity:
    """The one identity of an `identitySet`."""
    for name, kind in _KINDS:
        found = member(identities, name)
        if isinstance(found, Mapping):
            return _identity(kind, found)
    named = [one for name, one in identities.items() if isinstance(one, Mapping)] if isinstance(identities, Mapping) else []
    return _identity(IdentityKind.UNKNOWN, named[0]) if named else Identity(IdentityKind.UNKNOWN)


def of_record(identity: Any) -> Identity:
    """A bare identity, as attendance records have it: who has an account names their directory."""
    kind = IdentityKind.USER if text(identity, "tenantId") else IdentityKind.GUEST
    if "azurecommunicationservices" in text(identity, "@odata.type").casefold():
        kind = IdentityKind.GUEST
    return _identity(kind, identity)


def _identity(kind: IdentityKind, said: Any) -> Identity:
    """A user of no directory whose id is no object id has signed in nowhere, whatever it is called."""
    name, shown, directory = text(said, "id"), text(said, "displayName"), text(said, "tenantId").casefold()
    if kind is IdentityKind.USER and not directory and not is_guid(name.casefold()):
        kind = IdentityKind.GUEST
    return Identity(kind, name.casefold() if kind is IdentityKind.USER else name, shown, directory)
