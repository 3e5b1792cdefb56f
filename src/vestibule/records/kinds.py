"""The register of record kinds: which forms of an EHR are filled in, by vendor. A kind whose address comes with later work joins here.

    @kind(Vendor.EPIC)
    def epic_device_test(given: Given) -> Record | None: ...

What stands in a record is what this program reads or answers; nothing is shown that would not work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vestibule.launch.model import Landing, LaunchKind, Names, extra_scopes, names_of
from vestibule.platform.web.i18n import gettext as _
from vestibule.protocols.smart import SmartServer, launch_scope, system_scope
from vestibule.records.inlets import sms_configuration
from vestibule.records.model import Field, Inlet, Later, Record, Shape
from vestibule.tenancy.model import ClientAuth, Connection, Vendor

CALLBACKS: Final = ("/launch/callback", "/setup/callback")
_CSN: Final = "%CSN%"
_CONFERENCE: Final = "%CONFERENCEID%"
_DEPARTMENT: Final = "%PERFDEPID;;; ; ;;NONE;%"
_USER: Final = "%EPICUSERID%"
_USUAL_LAUNCH_TYPE: Final = "7"


@dataclass(frozen=True, slots=True)
class Given:
    """What a record is made from."""

    connection: Connection
    origin: str
    inlet: Inlet | None = None

    def launch_url(self, kind: LaunchKind, landing: Landing = Landing.VISIT) -> str:
        """The address behind a button; it names the connection, so that a button copied into the wrong environment is recognised."""
        address = f"{self.origin}/launch/{kind.value}?connection={self.connection.id}"
        return f"{address}&open={landing}" if landing else address

    @property
    def jwks_url(self) -> str:
        """Where the public keys of this connection stand."""
        return f"{self.origin}/connections/{self.connection.id}/jwks.json"


Maker = Callable[[Given], Record | None]
_KINDS: Final[list[tuple[frozenset[Vendor], Maker]]] = []


def kind(*vendors: Vendor) -> Callable[[Maker], Maker]:
    """Register a kind of record for these vendors."""

    def add(maker: Maker) -> Maker:
        _KINDS.append((frozenset(vendors), maker))
        return maker

    return add


def pack(connection: Connection, origin: str, inlet: Inlet | None = None) -> list[Record]:
    """Every record of a connection, in the order in which they are entered."""
    given = Given(connection, origin, inlet)
    made = (maker(given) for vendors, maker in _KINDS if connection.vendor in vendors)
    return [record for record in made if record is not None]


def later(vendor: Vendor, inlet: Inlet | None = None) -> list[Later]:
    """What is known to be missing."""
    if vendor is not Vendor.EPIC:
        return []
    found = [] if inlet else [Later(_("SMS configuration"), _("It appears here when this connection's appointments are let in."))]
    device = Later(_("Device test"), _("It comes with a later version; its context token will stand in the patient record."))
    return [*found, device]


# ---------------------------------------------------------------------- Epic


@kind(Vendor.EPIC)
def epic_provider(given: Given) -> Record | None:
    """The button in Hyperspace, Haiku and Canto."""
    return _epic(given, LaunchKind.PROVIDER, "epic-provider", _("Provider launch"), _("Clinicians, from the schedule or the encounter"))


@kind(Vendor.EPIC)
def epic_patient(given: Given) -> Record | None:
    """The button in MyChart."""
    return _epic(given, LaunchKind.PATIENT, "epic-patient", _("Patient launch"), _("Patients, from the portal on the web or a phone"))


@kind(Vendor.EPIC)
def epic_group_provider(given: Given) -> Record | None:
    """Group visits have records of their own."""
    title, who = _("Group visit: provider launch"), _("Clinicians, in visits with several patients")
    return _epic(given, LaunchKind.PROVIDER, "epic-group-provider", title, who, group=True)


@kind(Vendor.EPIC)
def epic_group_patient(given: Given) -> Record | None:
    """The same for patients."""
    title, who = _("Group visit: patient launch"), _("Patients, in visits with several patients")
    return _epic(given, LaunchKind.PATIENT, "epic-group-patient", title, who, group=True)


@kind(Vendor.EPIC)
def epic_direct_sms(given: Given) -> Record | None:
    """The button by which a clinician texts the link: the same launch, which ends on another page."""
    title, who = _("Direct SMS"), _("Clinicians, from the schedule: texts the link to the patient")
    return _epic(given, LaunchKind.PROVIDER, "epic-direct-sms", title, who, landing=Landing.TEXT)


def _epic(
    given: Given, kind_: LaunchKind, name: str, title: str, who: str, *, group: bool = False, landing: Landing = Landing.VISIT
) -> Record | None:
    client_id = client_id_of(given.connection, kind_)
    if not client_id:
        return None
    text = landing is Landing.TEXT
    tokens = epic_tokens(names_of(given.connection), kind_, group=group)
    fields = (
        Field("type", _("Type"), "PACS", _("As public set-up guides show it."), also=("Integration type",), firm=False),
        Field("model", _("Model"), "SMART ON FHIR", also=("Integration model",), firm=False),
        _url_field(given, kind_, landing),
        Field(
            "launch-type",
            _("Launch type"),
            _own(given.connection, "launch_type") or _USUAL_LAUNCH_TYPE,
            _("Public guides show 7 (inside the record's window) and External Window. Your Epic team decides; both work here."),
            also=("LAUNCHTYPE",),
            firm=False,
        ),
        Field("client-id", _("Client ID"), client_id, shape=Shape.EXACT, also=("client_id", "app client id")),
        Field(
            "context",
            _("Context tokens"),
            tokens + (_phone_token(given.connection) if text else ""),
            _phone_note(given.connection) if text else _context_note(kind_, group=group),
            Shape.TOKENS,
            ("CONTEXT", "context token", "context token string", "tokens"),
        ),
    )
    return Record(name, title, who, fields, optional=group or text)


def epic_tokens(names: Names, kind_: LaunchKind, *, group: bool) -> str:
    """The CONTEXT string: what the launch reads, by the names it reads it by.

    A group visit is found by its conference, which all its patients share; each patient's CSN is another.
    """
    wanted = [(names.csn, _CONFERENCE if group else _CSN), (names.conference, _CONFERENCE)]
    if kind_ is LaunchKind.PROVIDER:
        wanted += [(names.department, _DEPARTMENT), (names.user, _USER)]
    return "&".join(f"{name}={token}" for name, token in wanted if name)


def _phone_token(connection: Connection) -> str:
    """Which token holds the patient's number is known to the hospital alone: it comes from the profile, or is left out."""
    name, token = names_of(connection).phone, _own(connection, "phone_token")
    return f"&{name}={token}" if name and token else ""


def _phone_note(connection: Connection) -> str:
    name = names_of(connection).phone
    if not name or _own(connection, "phone_token"):
        return _("Copy it in one piece. The number travels in the token answer, never in an address.")
    words = _(
        "Has your record a token for the patient's mobile number? Add &%(name)s= and that token. Without it the clinician types the number."
    )
    return words % {"name": name}


def _context_note(kind_: LaunchKind, *, group: bool) -> str:
    if group:
        return _("Group visits are found by %CONFERENCEID% where the others have %CSN%.")
    if kind_ is LaunchKind.PROVIDER:
        return _("Copy it in one piece: the spaces and semicolons belong to it. Without the department, reports have none.")
    return _("Copy it in one piece.")


@kind(Vendor.EPIC)
def epic_sms_configuration(given: Given) -> Record | None:
    """What the people at the record's interface engine need to send appointments here."""
    if given.inlet is None:
        return None
    who = _("The interface team: where the record sends its appointments (outgoing scheduling messages)")
    return Record("epic-sms-configuration", _("SMS configuration"), who, sms_configuration(given.inlet), optional=True)


# ---------------------------------------------------------------------- Oracle Health, and anything that speaks SMART


@kind(Vendor.ORACLE_HEALTH, Vendor.GENERIC)
def smart_provider(given: Given) -> Record | None:
    """What clinicians press."""
    return _smart(given, LaunchKind.PROVIDER, "provider", _("Provider launch"), _("Clinicians"))


@kind(Vendor.ORACLE_HEALTH, Vendor.GENERIC)
def smart_patient(given: Given) -> Record | None:
    """What patients press."""
    return _smart(given, LaunchKind.PATIENT, "patient", _("Patient launch"), _("Patients"))


def _smart(given: Given, kind_: LaunchKind, name: str, title: str, who: str) -> Record | None:
    client_id = client_id_of(given.connection, kind_)
    if not client_id:
        return None
    fields = (
        _url_field(given, kind_),
        Field("client-id", _("Client ID"), client_id, shape=Shape.EXACT, also=("client_id",)),
        _redirects(given, kind_),
        _scopes(_launch_scopes(given.connection, kind_)),
    )
    return Record(name, title, who, fields)


@kind(Vendor.ORACLE_HEALTH)
def oracle_citrix(_given: Given) -> Record | None:
    """Inside Citrix the video belongs on the clinician's own machine."""
    code = "<meta content='APPLINK' name='discern'>\njavascript:APPLINK(100,\"LAUNCH_ADDRESS\",\"\")"
    note = _("LAUNCH_ADDRESS stands for the provider launch address as PowerChart has completed it with iss and launch.")
    field = Field("snippet", _("Snippet"), code, note, Shape.SNIPPET, ("applink", "code"), firm=False)
    return Record("oracle-citrix", _("Citrix: open on the local machine"), _("Clinicians who work in Citrix"), (field,), optional=True)


# ---------------------------------------------------------------------- the apps' registrations, whoever the vendor is


@kind(*Vendor)
def app_provider(given: Given) -> Record | None:
    """The app that clinicians launch; the approver signs in through it, too."""
    return _app(given, LaunchKind.PROVIDER, "app-provider", _("App registration: clinicians"), _("The app behind the provider launch"))


@kind(*Vendor)
def app_patient(given: Given) -> Record | None:
    """The app that patients launch."""
    return _app(given, LaunchKind.PATIENT, "app-patient", _("App registration: patients"), _("The app behind the patient launch"))


@kind(*Vendor)
def app_backend(given: Given) -> Record | None:
    """The app that nobody sees: it tells the record who connected."""
    connection = given.connection
    if not connection.backend_client_id:
        return None
    fields = (
        Field("client-id", _("Client ID"), connection.backend_client_id, shape=Shape.EXACT, also=("client_id",)),
        *_proof(given),
        Field("grant", _("Grant"), "client_credentials", also=("type of grant",)),
        _scopes(system_scope(_any_server(connection), ["Appointment"]).split()),
    )
    return Record("app-backend", _("App registration: back end"), _("The app that tells the record who connected"), fields)


def _app(given: Given, kind_: LaunchKind, name: str, title: str, who: str) -> Record | None:
    client_id = client_id_of(given.connection, kind_)
    if not client_id:
        return None
    fields = (
        Field("client-id", _("Client ID"), client_id, shape=Shape.EXACT, also=("client_id",)),
        _redirects(given, kind_),
        *_proof(given),
        _scopes(_launch_scopes(given.connection, kind_)),
        Field("fhir-base", _("FHIR base URL"), given.connection.iss, shape=Shape.ADDRESS, also=("iss", "FHIR endpoint", "base url")),
    )
    return Record(name, title, who, fields)


# ---------------------------------------------------------------------- fields that several records have


def _url_field(given: Given, kind_: LaunchKind, landing: Landing = Landing.VISIT) -> Field:
    note, also = _("The record adds iss and launch to it by itself."), ("URL", "launch uri", "launch address")
    return Field("launch-url", _("Launch URL"), given.launch_url(kind_, landing), note, Shape.ADDRESS, also)


def _redirects(given: Given, kind_: LaunchKind) -> Field:
    """The approver signs in through the clinicians' app, so that one has two."""
    paths = CALLBACKS if kind_ is LaunchKind.PROVIDER else CALLBACKS[:1]
    value = "\n".join(given.origin + path for path in paths)
    note = _("Two addresses: the first brings launches home, the second the approver's sign-in.") if len(paths) > 1 else ""
    return Field("redirects", _("Redirect URIs"), value, note, Shape.ITEMS, ("redirect uri", "redirect url", "redirect urls"))


def _proof(given: Given) -> tuple[Field, ...]:
    auth = given.connection.client_auth
    how = Field("auth", _("Client authentication"), auth.value, also=("authentication method", "token endpoint auth method"))
    if auth is not ClientAuth.PRIVATE_KEY_JWT:
        return (how,)
    note = _("The record fetches our public keys from here; it must be able to reach this address.")
    keys = Field("jwks", _("JWKS URL"), given.jwks_url, note, Shape.ADDRESS, ("jwks", "jku", "jwk set url", "public key url"))
    return (how, keys, Field("algs", _("Signing algorithms"), "ES384 RS384", shape=Shape.ITEMS, also=("algorithms",), firm=False))


def _scopes(scopes: list[str]) -> Field:
    note = _("A record that knows only the older spelling is asked for .read instead of .rs.")
    return Field("scopes", _("Scopes"), " ".join(scopes), note, Shape.ITEMS, ("scope",))


def _launch_scopes(connection: Connection, kind_: LaunchKind) -> list[str]:
    return launch_scope(_any_server(connection), who=kind_.value, extra=extra_scopes(connection)).split()


def _any_server(connection: Connection) -> SmartServer:
    """A server that has said nothing: the present spelling of scopes."""
    return SmartServer(connection.iss, "", "", "manual")


def client_id_of(connection: Connection, kind_: LaunchKind) -> str:
    """The client that this button belongs to; empty where there is none."""
    return connection.provider_client_id if kind_ is LaunchKind.PROVIDER else connection.patient_client_id


def _own(connection: Connection, name: str) -> str:
    """An entry of `profile.records`; anything but text counts as not there."""
    own: Any = connection.profile.get("records", {})
    value = own.get(name, "") if isinstance(own, Mapping) else ""
    return value.strip()[:80] if isinstance(value, str) else ""
