"""How an Epic wants to be told, as data: what is here is the usual form, and `Connection.profile["status"]` changes any of it.

{"status": {"verb": "POST", "send": "json", "vendor_name": "Alder Video", "disconnected": "0", "auth": "basic"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from vestibule.errors import BadInput
from vestibule.kit.origins import origin_of
from vestibule.tenancy.model import Connection
from vestibule.writeback.model import Status

_PATH: Final = "/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus"
_NAMES: Final = {
    "conference": "ConferenceID",
    "person": "ExternalID",
    "person_type": "ExternalIDType",
    "vendor": "VendorName",
    "status": "ConnectionStatus",
}
_TYPES: Final = {"user": "1", "Practitioner": "1", "PractitionerRole": "1", "Patient": "2"}
_PHASE: Final = "writeback.profile"


@dataclass(frozen=True, slots=True)
class StatusProfile:
    """The status API of one connection.

    Attributes:
        on: False for a record that does not want to be told.
        base: where `path` begins; by default what stands before `/api/FHIR` in the connection's `iss`.
        send: where the parameters go: `query`, `form` or `json`.
        names: what the parameters are called.
        fixed: further parameters, the same each time.
        conference: which of a visit's identifiers is the ConferenceID, the first that is known.
        person_types: ExternalIDType by the kind of the person's id.
        auth: `bearer` (backend client) or `basic` (`basic_user` and the connection's client secret).
        scope: asked for by the backend client; by default one that every backend client has.
    """

    on: bool = True
    base: str = ""
    path: str = _PATH
    verb: str = "GET"
    send: Literal["query", "form", "json"] = "query"
    names: Mapping[str, str] = field(default_factory=lambda: dict(_NAMES))
    fixed: Mapping[str, str] = field(default_factory=dict)
    vendor_name: str = "Vestibule"
    connected: str = "1"
    disconnected: str = "2"
    conference: tuple[str, ...] = ("conference", "csn")
    person_types: Mapping[str, str] = field(default_factory=lambda: dict(_TYPES))
    auth: Literal["bearer", "basic"] = "bearer"
    basic_user: str = ""
    scope: str = ""

    def url(self, connection: Connection) -> str:
        """The address of the call, without its query."""
        base = self.base or connection.iss.split("/api/FHIR", 1)[0]
        return base.rstrip("/") + self.path

    def parameters(self, status: Status) -> dict[str, str]:
        """The call's parameters by name.

        Raises:
            BadInput: `ehr-no-conference` when the visit has no identifier that this record would know it by.
        """
        known = {i.system: i.value for i in status.identifiers}
        conference = next((known[system] for system in self.conference if system in known), "")
        if not conference:
            raise BadInput("ehr-no-conference", "The record has given this visit no id by which it could be told.", phase="writeback.tell")
        values = {
            "conference": conference,
            "person": status.person,
            "person_type": self.person_types.get(status.person_type, ""),
            "vendor": self.vendor_name,
            "status": self.connected if status.connected else self.disconnected,
        }
        return {self.names[name]: value for name, value in values.items() if self.names.get(name)} | dict(self.fixed)


def profile_of(connection: Connection) -> StatusProfile:
    """The usual form with the connection's own changes.

    Raises:
        BadInput: `ehr-profile-wrong`, naming the entry.
    """
    changes: Any = connection.profile.get("status", {})
    if not isinstance(changes, Mapping):
        raise _wrong("status")
    usual = StatusProfile()
    own = {name: _like(getattr(usual, name), name, value) for name, value in changes.items()} if _known(changes) else {}
    profile = StatusProfile(**own)
    if profile.send not in {"query", "form", "json"} or profile.auth not in {"bearer", "basic"} or not profile.path.startswith("/"):
        raise _wrong("send, auth or path")
    try:
        origin_of(profile.url(connection))
    except ValueError:
        raise _wrong("base") from None
    return profile


def _known(changes: Mapping[str, Any]) -> bool:
    names = {f.name for f in fields(StatusProfile)}
    for name in changes:
        if name not in names:
            raise _wrong(str(name))
    return True


def _like(usual: Any, name: str, value: Any) -> Any:
    """The value in the form of the usual one; mappings are changed entry by entry."""
    if isinstance(usual, bool) and isinstance(value, bool):
        return value
    if isinstance(usual, str) and isinstance(value, str):
        return value
    if isinstance(usual, tuple) and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(usual, Mapping) and isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
        return {**usual, **value}
    raise _wrong(name)


def _wrong(entry: str) -> BadInput:
    return BadInput("ehr-profile-wrong", f"The connection's profile has a mistake in status.{entry}.", phase=_PHASE)
