"""What the forms ask: every list of the book, and its settings, by one description of their fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from practice.interface.model import TRICKS
from practice.model import PERSONAL, VISIT_TYPES, Audience, Book, Fault
from practice.records import KINDS
from practice.screens.views import STATES

Options = Callable[[Book], list[tuple[str, str]]]


@dataclass(frozen=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    kind: Literal["text", "date", "when", "number", "choice", "lines", "long", "tick"] = "text"
    hint: str = ""
    options: Options | None = None
    fixed: bool = False
    off: bool = False


def fixed(*pairs: tuple[str, str]) -> Options:
    """The same choice whatever the book holds: values and words."""
    return lambda _: list(pairs)


def _clients(book: Book) -> list[tuple[str, str]]:
    return [(a.client_id, a.name) for a in book.apps]


def _directories(book: Book) -> list[tuple[str, str]]:
    return [(d.tid, d.name) for d in book.directories]


FORMS: dict[str, tuple[str, list[Field]]] = {
    "patients": (
        "Patient",
        [
            Field("given", "Given name"),
            Field("family", "Family name"),
            Field("birth_date", "Born", "date"),
            Field("gender", "Sex", "choice", options=fixed(*((g, g.title()) for g in ("female", "male", "other", "unknown")))),
            Field("phone", "Mobile phone", hint="Told with every appointment"),
            Field("email", "E-mail", hint="Told with every appointment"),
            Field("language", "Language", hint="Such as English, Spanish, Korean, Chinese (Traditional)"),
            Field("allergies", "Allergies"),
            Field("problems", "Problems", hint="Separated by ;"),
        ],
    ),
    "practitioners": (
        "Practitioner",
        [
            Field("given", "Given name"),
            Field("family", "Family name"),
            Field("title", "Title", hint="MD, NP, PsyD"),
            Field("specialty", "Specialty"),
            Field("emp", "User id", hint="Unique; what %EPICUSERID% gives"),
            Field("login", "Login", hint="Unique"),
            Field("may_sign_in", "May sign in to apps (standalone)", "tick"),
        ],
    ),
    "departments": (
        "Department",
        [Field("name", "Name"), Field("zone", "Time zone", hint="Like America/New_York"), Field("phone", "Phone")],
    ),
    "appointments": (
        "Visit",
        [
            Field("patient", "Patient", "choice", options=lambda book: [(p.id, p.filed) for p in book.patients]),
            Field("practitioner", "Clinician", "choice", options=lambda book: [(p.id, p.name) for p in book.practitioners]),
            Field("department", "Department", "choice", options=lambda book: [(d.id, d.name) for d in book.departments]),
            Field("start", "Starts", "when", hint="On the department's clock"),
            Field("minutes", "Minutes", "number"),
            Field("reason", "Reason"),
            Field("status", "Status", "choice", options=fixed(*STATES.items())),
            Field("type", "Visit type", "choice", options=fixed(*((code, words.title()) for code, words in VISIT_TYPES.items()))),
            Field("place", "The patient is", "choice", options=fixed(("home", "at home"), ("clinic", "in a video room of the clinic"))),
            Field("others", "Further clinicians", "lines", hint="User ids, one on each line"),
            Field("group", "Group visit, with records of its own", "tick", off=True),
        ],
    ),
    "apps": (
        "Client app",
        [
            Field("client_id", "Client id", fixed=True),
            Field("name", "Name"),
            Field(
                "auth",
                "Proves itself by",
                "choice",
                options=fixed(("private_key_jwt", "a signed assertion"), ("client_secret", "a secret"), ("none", "nothing (public)")),
            ),
            Field("jwks_url", "JWKS URL", hint="For signed assertions"),
            Field("secret", "Secret"),
            Field("redirect_uris", "Redirect URIs", "lines", hint="One on each line, matched exactly"),
            Field("scopes", "Scopes", "long"),
            Field("status_api", "May call SetExternalConnectionStatus", "tick"),
            Field("standalone", "May be opened without a launch (standalone)", "tick"),
        ],
    ),
    "launches": (
        "Launch record",
        [
            Field("key", "Key", fixed=True),
            Field("kind", "Button", "choice", options=fixed(*((kind, title) for kind, (title, _) in KINDS.items()))),
            Field("name", "Name"),
            Field("url", "Launch URL"),
            Field("client_id", "Client app", "choice", options=_clients),
            Field("context", "CONTEXT", "long", hint="Mnemonics such as %CSN% become members of the token answer"),
        ],
    ),
    "settings": (
        "Settings",
        [
            Field(
                "frame",
                "Virtual visits open",
                "choice",
                options=fixed(
                    ("media", "in a frame with camera and microphone"), ("plain", "in a frame without them"), ("window", "in a new window")
                ),
            ),
            Field(
                "response_iss",
                "iss in authorize answers",
                "choice",
                options=fixed(("on", "sent"), ("off", "left out"), ("wrong", "wrong, to test clients")),
            ),
            Field(
                "status_auth",
                "Status calls may use",
                "choice",
                options=fixed(("both", "Bearer or Basic"), ("bearer", "Bearer only"), ("basic", "Basic only")),
            ),
            Field("status_verbs", "Status verbs", "lines", hint="GET, POST, PUT; one on each line"),
            Field("basic_user", "Basic user", hint="Sent as emp$user"),
            Field("basic_password", "Basic password"),
            Field("know_people", "Refuse status calls for unknown people", "tick"),
            Field("smart_configuration", "Offer smart-configuration", "tick"),
            Field("access_seconds", "Access tokens live (s)", "number"),
            Field("launch_seconds", "Launch values live (s)", "number"),
            Field("code_seconds", "Codes live (s)", "number"),
            Field("operator_url", "Operator page of the connector"),
            Field("environment", "Environment", "choice", options=fixed(("", "not said"), ("test", "test"), ("production", "production"))),
            Field("other_url", "The other environment", hint="Where the test or production record answers"),
            Field("oauth", "OAuth is set up for standalone sign-in", "tick"),
        ],
    ),
}
FORMS["sign_in_apps"] = (
    "App of the Microsoft-like sign-in",
    [
        Field("client_id", "Client id", hint="Left empty, one is made", fixed=True),
        Field("name", "Name"),
        Field("secret", "Secret"),
        Field("redirect_uris", "Redirect URIs", "lines", hint="One on each line, matched exactly"),
        Field("audience", "Who may sign in", "choice", options=fixed(*((word, word) for word in get_args(Audience)))),
        Field(
            "home", "Its own directory", "choice", options=lambda book: [("", "the first"), *((d.tid, d.name) for d in book.directories)]
        ),
        Field("tenants", "Directories that agreed to it", "lines", hint="Tenant ids, one on each line; none means all did"),
        Field("pkce", "PKCE is required", "tick"),
        Field("secret_expired", "Its secret has expired", "tick", off=True),
        Field("certificates", "Certificates", "lines", hint="Base64 X.509 without line breaks, one on each line"),
        Field("permissions", "Application permissions", "lines", hint="Like OnlineMeetings.ReadWrite.All, one on each line"),
        Field("consented", "An administrator agreed to them in", "lines", hint="Tenant ids, one on each line"),
    ],
)
FORMS["people_accounts"] = (
    "Account of the Microsoft-like sign-in",
    [
        Field("name", "Name"),
        Field("user_name", "User name", hint="Like rosa.okafor@alder.example; unique"),
        Field("email", "E-mail", hint="What the directory says; it proves nothing"),
        Field("job", "Job"),
        Field(
            "tid",
            "Directory",
            "choice",
            options=lambda book: [*((d.tid, d.name) for d in book.directories), (PERSONAL, "personal account")],
        ),
        Field("guest_in", "Guest in", "lines", hint="Tenant ids, one on each line"),
        Field("licences", "Licences", "lines", hint="teams, teams_premium; one on each line"),
        Field("enabled", "May sign in", "tick"),
    ],
)
FORMS["manners"] = (
    "What the record says of itself",
    [
        Field(
            "vendor",
            "It takes after",
            "choice",
            options=fixed(("epic", "Epic"), ("oracle", "Oracle Health: other addresses, with the tenant in them"), ("generic", "nobody")),
        ),
        Field("release", "Software release", hint="Like August 2025 or 2018-08-01; empty is not said"),
        Field("fhir_versions", "FHIR versions served", "lines", hint="DSTU2, STU3, R4; one on each line"),
        Field(
            "statement_as",
            "The R4 base describes itself as",
            "choice",
            options=fixed(("", "what it is"), ("DSTU2", "DSTU2"), ("STU3", "STU3"), ("R4", "R4")),
        ),
        Field("smart_configuration", "Offer smart-configuration", "tick"),
        Field("oauth_uris", "Name sign-in addresses in the capability statement", "tick"),
        Field("pkce", "Say that PKCE is known", "tick"),
        Field("oauth", "OAuth is set up for standalone sign-in", "tick"),
        Field("clock_skew", "Its clock is ahead by (s)", "number", hint="Negative is behind; shows in the Date header"),
        Field("redirect_to", "Where the trouble of redirects sends"),
        Field(
            "id_token_fault",
            "Fault in Microsoft-like tokens",
            "choice",
            options=fixed(*((fault, fault) for fault in get_args(Fault))),
        ),
    ],
)
FORMS["interface"] = (
    "Interface engine",
    [
        Field("on", "Tell of appointments", "tick"),
        Field(
            "transport",
            "By way of",
            "choice",
            options=fixed(("mllp", "MLLP, plain, as inside a VPN"), ("mllps", "MLLP under TLS"), ("https", "HL7 over HTTPS")),
        ),
        Field("host", "Host", hint="For MLLP"),
        Field("port", "Port", "number", hint="For MLLP"),
        Field("url", "Address", hint="For HTTPS"),
        Field("trust", "The receiver's certificate, or its authority's", "long", hint="PEM; left empty, this machine's authorities count"),
        Field("with_certificate", "Show our own certificate (mutual TLS)", "tick"),
        Field(
            "signature",
            "Sign each body (HTTPS)",
            "choice",
            options=fixed(("none", "no"), ("cms", "detached CMS"), ("jws", "detached JWS")),
        ),
        Field(
            "shape",
            "Messages look like",
            "choice",
            options=fixed(("epic", "version 2.3 as Epic publishes it, no zones"), ("2.5.1", "version 2.5.1 with TQ1 and zones")),
        ),
        Field(
            "mode",
            "Acknowledgement",
            "choice",
            options=fixed(("original", "original mode: AA, AE, AR"), ("enhanced", "enhanced mode: CA, CE, CR")),
        ),
        Field("charset", "Character set", "choice", options=fixed(*((c, c.upper()) for c in ("utf-8", "latin-1", "utf-16")))),
        Field("application", "Sending application", hint="MSH-3"),
        Field("facility", "Sending facility", hint="MSH-4"),
        Field("receiver", "Receiving application", hint="MSH-5"),
        Field("trick", "Messages are sent", "choice", options=fixed(*TRICKS.items())),
        Field("ack_seconds", "Wait for an acknowledgement (s)", "number"),
        Field("retry_seconds", "Try again after (s)", "number", hint="Doubled each time, with the same control id"),
        Field("lanes", "Connections at once", "number"),
    ],
)
