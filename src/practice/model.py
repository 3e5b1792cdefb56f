"""What the hospital's one JSON file holds: people, departments, appointments, client apps, launch records and settings.

Plain msgspec structs. Their field types are the validation of everything that a form or `POST /setup` sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct, field

from practice.carriers.model import AzureResource, MailServer, OwnedNumber, TwilioAccount
from practice.interface.model import Interface
from practice.microsoft.graph.model import AccessPolicy, CloudManners, Licence, Permission

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
Short = Annotated[str, Meta(max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^(https?://[^\s]+)?$")]
Date = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]

Gender = Literal["female", "male", "other", "unknown"]
AppointmentStatus = Literal["booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error"]
VisitType = Literal["1201", "1202", "1203", "2001", "2002"]
Place = Literal["home", "clinic"]
LaunchKind = Literal["provider", "patient", "group-provider", "group-patient", "direct-sms", "sms-configuration", "device-test"]
Environment = Literal["", "test", "production"]
ClientAuth = Literal["private_key_jwt", "client_secret", "none"]
Audience = Literal["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"]
FhirVersion = Literal["DSTU2", "STU3", "R4"]
Vendor = Literal["epic", "oracle", "generic"]
Fault = Literal["none", "nonce", "audience", "issuer", "tenant", "signature", "expired", "unsigned", "old-key"]

VISIT_TYPES: dict[VisitType, str] = {
    "1201": "VIDEO VISIT",
    "1202": "VIDEO VISIT FOLLOW UP",
    "1203": "VIDEO VISIT GROUP",
    "2001": "OFFICE VISIT",
    "2002": "TELEPHONE VISIT",
}
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"  # the directory that all personal Microsoft accounts share

DEFAULT_SCOPES = (
    "openid fhirUser launch launch/patient launch/encounter offline_access online_access "
    "user/Patient.rs user/Practitioner.rs user/Appointment.rs user/Encounter.rs "
    "patient/Patient.rs patient/Practitioner.rs patient/Appointment.rs patient/Encounter.rs "
    "system/Patient.rs system/Practitioner.rs system/Appointment.rs system/Encounter.rs"
)
DEFAULT_CONTEXT = "sessionId=%CSN%&conferenceId=%CONFERENCEID%&departmentId=%PERFDEPID;;; ; ;;NONE;%&userId=%EPICUSERID%"


class Department(Struct, kw_only=True):
    """A place with its own schedule and time zone; `id` is what %PERFDEPID% gives."""

    id: Id
    name: Name
    zone: Name = "UTC"
    phone: Short = ""


class Practitioner(Struct, kw_only=True):
    """Someone who sees patients; `emp` is the EHR's user id, `id` the FHIR id."""

    id: Id
    emp: Id
    login: Id
    family: Name
    given: Name
    title: Short = "MD"
    specialty: Short = ""
    may_sign_in: bool = True

    @property
    def name(self) -> str:
        """As on a door: `Rosa Okafor, MD`."""
        return f"{self.given} {self.family}, {self.title}" if self.title else f"{self.given} {self.family}"


class Patient(Struct, kw_only=True):
    """Someone who is seen; `ept` is the EHR's patient id, `wpr` the portal account's."""

    id: Id
    ept: Id
    wpr: Id
    mrn: Id
    family: Name
    given: Name
    birth_date: Date = "1970-01-01"
    gender: Gender = "unknown"
    phone: Short = ""
    email: Short = ""
    language: Short = "English"
    allergies: Short = ""
    problems: Short = ""

    @property
    def name(self) -> str:
        """As spoken."""
        return f"{self.given} {self.family}"

    @property
    def filed(self) -> str:
        """As filed: `Shaw, Amy`."""
        return f"{self.family}, {self.given}"


class Appointment(Struct, kw_only=True):
    """One visit. `csn` is the contact serial number, `conference` what several people may share.

    `place` is where the patient is, `others` who else of the house is booked.
    """

    id: Id
    csn: Id
    conference: Id
    encounter: Id
    patient: Id
    practitioner: Id
    department: Id
    start: Instant
    minutes: Annotated[int, Meta(ge=5, le=480)] = 30
    reason: Short = ""
    status: AppointmentStatus = "booked"
    group: bool = False
    type: VisitType = "1201"
    place: Place = "home"
    others: list[Id] = field(default_factory=list)

    @property
    def video(self) -> bool:
        """Whether it is held by video."""
        return self.type.startswith("12")


class ClientApp(Struct, kw_only=True):
    """A registered client: who it is, how it proves that (`auth_as` in the analyst's word), where it goes back to, what it may ask for."""

    client_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._\-]{1,100}$")]
    name: Name = "Client app"
    auth: ClientAuth = "private_key_jwt"
    auth_as: Short = ""
    secret: Short = ""
    jwks_url: Url = ""
    redirect_uris: list[Url] = field(default_factory=list)
    scopes: Annotated[str, Meta(max_length=4000)] = DEFAULT_SCOPES
    status_api: bool = True
    standalone: bool = True
    certificate: Annotated[str, Meta(max_length=10_000)] = ""

    @property
    def has_keys(self) -> bool:
        """Whether the way it proves itself is set up: a signed assertion needs a key to verify it with."""
        return self.auth != "private_key_jwt" or bool(self.jwks_url or self.certificate)


class Directory(Struct, kw_only=True):
    """An organisation's directory at the Microsoft-like sign-in; `tid` is what tokens call it by."""

    tid: Id
    name: Name
    domain: Name


class Account(Struct, kw_only=True):
    """Somebody who can sign in at the Microsoft-like sign-in; `tid` is their home, `guest_in` where else they were invited, `licences` what
    their organisation has assigned to them.
    """

    oid: Id
    tid: Id
    name: Name
    user_name: Name
    email: Short = ""
    job: Short = ""
    guest_in: list[Id] = field(default_factory=list)
    enabled: bool = True
    licences: list[Licence] = field(default_factory=lambda: ["teams"])


class SignInApp(Struct, kw_only=True):
    """An app registered with the Microsoft-like sign-in. `tenants` are the directories that agreed to it; none means all did.

    Attributes:
        certificates: Base64 of the X.509 certificates whose keys may sign its assertions.
        permissions: application permissions it asks for; they count in the directories whose administrator agreed, `consented`.
    """

    client_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._\-]{1,100}$")]
    name: Name = "Sign-in app"
    secret: Short = ""
    secret_expired: bool = False
    redirect_uris: list[Url] = field(default_factory=list)
    logout_uris: list[Url] = field(default_factory=list)
    audience: Audience = "AzureADMultipleOrgs"
    home: Short = ""
    tenants: list[Id] = field(default_factory=list)
    pkce: bool = True
    certificates: list[Annotated[str, Meta(max_length=10_000)]] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    consented: list[Id] = field(default_factory=list)


class LaunchRecord(Struct, kw_only=True):
    """What a button in the EHR or the portal opens, and which tokens it passes along (Epic calls it an integration record)."""

    key: Id
    kind: LaunchKind
    name: Name = "Launch"
    type: Short = "PACS"
    model: Short = "SMART ON FHIR"
    url: Url = ""
    launch_type: Short = ""
    client_id: Short = ""
    context: Annotated[str, Meta(max_length=2000)] = DEFAULT_CONTEXT

    @property
    def side(self) -> Literal["provider", "patient"]:
        """Who opens it."""
        return "provider" if self.kind in {"provider", "group-provider", "direct-sms"} else "patient"


class Settings(Struct, kw_only=True):
    """How the hospital behaves when it is well; its troubles are switches of their own."""

    frame: Literal["media", "plain", "window"] = "media"
    response_iss: Literal["on", "off", "wrong"] = "on"
    status_auth: Literal["bearer", "basic", "both"] = "both"
    status_verbs: list[Literal["GET", "POST", "PUT"]] = field(default_factory=lambda: ["GET", "POST"])
    basic_user: Short = "telehealth"
    basic_password: Short = "practice"
    know_people: bool = True
    access_seconds: Annotated[int, Meta(ge=1, le=86400)] = 3600
    launch_seconds: Annotated[int, Meta(ge=1, le=86400)] = 300
    code_seconds: Annotated[int, Meta(ge=1, le=600)] = 300
    smart_configuration: bool = True
    operator_url: Url = ""
    portal_url: Url = ""
    set_up_url: Url = ""
    environment: Environment = ""
    other_url: Url = ""
    oauth: bool = True
    vendor: Vendor = "epic"
    release: Short = "August 2025"
    fhir_versions: list[FhirVersion] = field(default_factory=lambda: ["DSTU2", "STU3", "R4"])
    statement_as: Literal["", "DSTU2", "STU3", "R4"] = ""
    oauth_uris: bool = True
    pkce: bool = True
    clock_skew: Annotated[int, Meta(ge=-10_000_000, le=10_000_000)] = 0
    redirect_to: Url = "http://169.254.169.254/latest/meta-data/"
    id_token_fault: Fault = "none"


T = TypeVar("T")


def first(items: Iterable[T]) -> T | None:
    """The first of them, if there is one."""
    return next(iter(items), None)


class Book(Struct, kw_only=True):
    """Everything the hospital knows that outlives it."""

    departments: list[Department] = field(default_factory=list)
    practitioners: list[Practitioner] = field(default_factory=list)
    patients: list[Patient] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    apps: list[ClientApp] = field(default_factory=list)
    launches: list[LaunchRecord] = field(default_factory=list)
    directories: list[Directory] = field(default_factory=list)
    people_accounts: list[Account] = field(default_factory=list)
    sign_in_apps: list[SignInApp] = field(default_factory=list)
    access_policies: list[AccessPolicy] = field(default_factory=list)
    cloud: CloudManners = field(default_factory=CloudManners)
    twilio_accounts: list[TwilioAccount] = field(default_factory=list)
    azure_resources: list[AzureResource] = field(default_factory=list)
    numbers: list[OwnedNumber] = field(default_factory=list)
    mail: MailServer = field(default_factory=MailServer)
    settings: Settings = field(default_factory=Settings)
    interface: Interface = field(default_factory=Interface)
    next_number: int = 1853

    def department(self, key: str) -> Department | None:
        """By id."""
        return first(d for d in self.departments if d.id == key)

    def practitioner(self, key: str) -> Practitioner | None:
        """By FHIR id, EHR user id or login."""
        return first(p for p in self.practitioners if key in {p.id, p.emp, p.login})

    def patient(self, key: str) -> Patient | None:
        """By FHIR id, EHR patient id or portal account."""
        return first(p for p in self.patients if key in {p.id, p.ept, p.wpr})

    def appointment(self, key: str) -> Appointment | None:
        """By FHIR id, CSN, conference id or encounter id."""
        return first(a for a in self.appointments if key in {a.csn, a.id, a.conference, a.encounter})

    def app(self, client_id: str) -> ClientApp | None:
        """By client id, exactly."""
        return first(a for a in self.apps if a.client_id == client_id)

    def directory(self, key: str) -> Directory | None:
        """By tenant id or domain name."""
        return first(d for d in self.directories if key.lower() in {d.tid, d.domain})

    def account(self, oid: str) -> Account | None:
        """By object id in the account's home."""
        return first(a for a in self.people_accounts if a.oid == oid)

    def sign_in_app(self, client_id: str) -> SignInApp | None:
        """By client id, exactly."""
        return first(a for a in self.sign_in_apps if a.client_id == client_id)

    def launch(self, key: str) -> LaunchRecord | None:
        """By key, exactly."""
        return first(r for r in self.launches if r.key == key)

    def take_number(self) -> str:
        """The next serial number of the house."""
        number, self.next_number = self.next_number, self.next_number + 1
        return str(number)
