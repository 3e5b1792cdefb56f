"""Forms: every list of the book by one description of its fields, saved through the same door as `POST /setup`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec
from aiohttp import web

from practice import setup
from practice.hospital import Hospital, hospital
from practice.model import PERSONAL, Audience, Book, Fault
from practice.records import KINDS
from practice.screens.pages import missing, page
from practice.screens.views import STATES, rows
from practice.times import from_local, instant, local

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


def _fixed(*pairs: tuple[str, str]) -> Options:
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
            Field("gender", "Sex", "choice", options=_fixed(*((g, g.title()) for g in ("female", "male", "other", "unknown")))),
            Field("phone", "Phone"),
            Field("email", "E-mail"),
            Field("language", "Language"),
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
            Field("status", "Status", "choice", options=_fixed(*STATES.items())),
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
                options=_fixed(("private_key_jwt", "a signed assertion"), ("client_secret", "a secret"), ("none", "nothing (public)")),
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
            Field("kind", "Button", "choice", options=_fixed(*((kind, title) for kind, (title, _) in KINDS.items()))),
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
                options=_fixed(
                    ("media", "in a frame with camera and microphone"), ("plain", "in a frame without them"), ("window", "in a new window")
                ),
            ),
            Field(
                "response_iss",
                "iss in authorize answers",
                "choice",
                options=_fixed(("on", "sent"), ("off", "left out"), ("wrong", "wrong, to test clients")),
            ),
            Field(
                "status_auth",
                "Status calls may use",
                "choice",
                options=_fixed(("both", "Bearer or Basic"), ("bearer", "Bearer only"), ("basic", "Basic only")),
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
            Field("environment", "Environment", "choice", options=_fixed(("", "not said"), ("test", "test"), ("production", "production"))),
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
        Field("audience", "Who may sign in", "choice", options=_fixed(*((word, word) for word in get_args(Audience)))),
        Field(
            "home", "Its own directory", "choice", options=lambda book: [("", "the first"), *((d.tid, d.name) for d in book.directories)]
        ),
        Field("tenants", "Directories that agreed to it", "lines", hint="Tenant ids, one on each line; none means all did"),
        Field("pkce", "PKCE is required", "tick"),
        Field("secret_expired", "Its secret has expired", "tick", off=True),
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
            options=_fixed(("epic", "Epic"), ("oracle", "Oracle Health: other addresses, with the tenant in them"), ("generic", "nobody")),
        ),
        Field("release", "Software release", hint="Like August 2025 or 2018-08-01; empty is not said"),
        Field("fhir_versions", "FHIR versions served", "lines", hint="DSTU2, STU3, R4; one on each line"),
        Field(
            "statement_as",
            "The R4 base describes itself as",
            "choice",
            options=_fixed(("", "what it is"), ("DSTU2", "DSTU2"), ("STU3", "STU3"), ("R4", "R4")),
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
            options=_fixed(*((fault, fault) for fault in get_args(Fault))),
        ),
    ],
)
SINGLE = {"settings", "manners"}  # forms over the one thing that is no list
KEYS = {"apps": "client_id", "launches": "key", "sign_in_apps": "client_id", "people_accounts": "oid"}


def _entry(book: Book, name: str, key: str) -> Any:
    if name in SINGLE:
        return book.settings
    return next((item for item in getattr(book, name) if getattr(item, KEYS.get(name, "id")) == key), None)


def _shown(book: Book, fields: list[Field], entry: Any) -> dict[str, Any]:
    """What stands in the fields at first."""
    values = dict(msgspec.to_builtins(entry)) if entry is not None else {}
    if "start" in values:
        where = book.department(values["department"])
        values["start"] = local(values["start"], where.zone if where else "UTC").strftime("%Y-%m-%dT%H:%M")
    for field in fields:
        if field.kind == "lines":
            values[field.name] = "\n".join(values.get(field.name, []))
    return values


def _said(book: Book, fields: list[Field], form: Any) -> dict[str, Any]:
    """What the form says, in the types of the book; empty fields of new entries are left to their defaults."""
    said: dict[str, Any] = {}
    for field in fields:
        text = str(form.get(field.name, "")).strip()
        if field.kind == "tick":
            said[field.name] = field.name in form
        elif field.kind == "lines":
            said[field.name] = text.split()
        elif field.kind == "number":
            said[field.name] = int(text) if text.removeprefix("-").isdecimal() else text
        elif field.kind == "when":
            where = book.department(str(form.get("department", "")))
            said[field.name] = from_local(text, where.zone if where else "UTC")
        else:
            said[field.name] = text
    return said


def _form(request: web.Request, name: str, values: dict[str, Any], *, key: str, error: str = "") -> web.Response:
    title, fields = FORMS[name]
    choices = {field.name: field.options(hospital(request).book) for field in fields if field.options}
    status = 400 if error else 200
    done = request.query.get("done", "")
    return page(
        request,
        "form.html",
        status=status,
        name=name,
        title=title,
        fields=fields,
        choices=choices,
        values=values,
        key=key,
        error=error,
        done=done,
        back=_list_of(name),
        single=name in SINGLE,
    )


async def show(request: web.Request) -> web.StreamResponse:
    """A form, filled or empty."""
    house, name, key = hospital(request), request.match_info["name"], request.match_info["key"]
    if name not in FORMS:
        return missing(request, "There is no such list.")
    entry = _entry(house.book, name, key)
    if entry is None and key != "new":
        return missing(request, "There is no such entry.")
    values = _shown(house.book, FORMS[name][1], entry)
    values |= {field: value for field, value in request.query.items() if key == "new" and field != "done"}
    if name == "appointments" and key == "new" and "start" not in values:
        values |= _new_visit(house)
    return _form(request, name, values, key=key)


def _new_visit(house: Hospital) -> dict[str, Any]:
    where = house.book.departments[0].zone if house.book.departments else "UTC"
    return {"start": local(instant(house.now()), where).strftime("%Y-%m-%dT%H:%M"), "minutes": 20, "status": "booked"}


async def save(request: web.Request) -> web.StreamResponse:
    """Keep what a form says, or show it again with the reason why not."""
    house, name, key = hospital(request), request.match_info["name"], request.match_info["key"]
    if name not in FORMS or (key != "new" and _entry(house.book, name, key) is None):
        return missing(request, "There is no such entry.")
    form = await request.post()
    fields = [f for f in FORMS[name][1] if not (f.fixed and key != "new")]
    try:
        said = _said(house.book, fields, form)
        setup.apply(house, _change(name, key, said))
    except ValueError as error:
        values = {k: str(v) for k, v in form.items()}
        return _form(request, name, values, key=key, error=str(error)[:300])
    return web.Response(status=303, headers={"Location": f"{_list_of(name)}?done=saved"})


def _list_of(name: str) -> str:
    """The page that a form was opened from."""
    if name == "manners":
        return "/desk/trouble"
    return "/desk/setup" if name in {"apps", "launches", "settings", "sign_in_apps", "people_accounts"} else "/desk/people"


def _change(name: str, key: str, said: dict[str, Any]) -> dict[str, Any]:
    if name in SINGLE:
        return {"settings": said}
    if key != "new":
        return {name: [{**said, KEYS.get(name, "id"): key}]}
    return {name: [{field: value for field, value in said.items() if value != ""}]}


async def people(request: web.Request) -> web.StreamResponse:
    """Everybody, everything, with links to the forms."""
    house = hospital(request)
    return page(request, "people.html", book=house.book, visits=rows(house, house.book.appointments), done=request.query.get("done", ""))


async def configuration(request: web.Request) -> web.StreamResponse:
    """Client apps, launch records, settings, addresses."""
    house = hospital(request)
    addresses = [
        ("FHIR base (iss, aud)", house.at.fhir),
        ("Authorize", house.at.authorize),
        ("Token", house.at.token),
        ("Issuer", house.at.issuer),
        ("JWKS", house.at.jwks),
        ("Status call", house.at.status),
        ("Microsoft-like sign-in", f"{house.at.microsoft}/organizations"),
    ]
    return page(request, "setup.html", book=house.book, addresses=addresses, done=request.query.get("done", ""))


ROUTES = [
    web.get("/desk/people", people),
    web.get("/desk/setup", configuration),
    web.get("/desk/edit/{name}/{key}", show),
    web.post("/desk/edit/{name}/{key}", save),
]
