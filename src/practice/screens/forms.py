"""Forms: every list of the book by one description of its fields, saved through the same door as `POST /setup`."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from practice import setup
from practice.hospital import Hospital, hospital
from practice.model import Book
from practice.screens.carrier_fields import CARRIER_FORMS
from practice.screens.cloud_fields import CLOUD_FORMS
from practice.screens.fields import FORMS as HOSPITAL_FORMS
from practice.screens.fields import Field
from practice.screens.pages import missing, page
from practice.screens.views import rows
from practice.times import from_local, instant, local

FORMS = HOSPITAL_FORMS | CARRIER_FORMS | CLOUD_FORMS
SINGLE = {"settings": "settings", "manners": "settings", "interface": "interface", "mail": "mail", "cloud": "cloud"}  # one thing, no list
KEYS = {
    "apps": "client_id",
    "launches": "key",
    "sign_in_apps": "client_id",
    "people_accounts": "oid",
    "access_policies": "name",
    "twilio_accounts": "sid",
    "azure_resources": "name",
    "numbers": "number",
}


def _entry(book: Book, name: str, key: str) -> Any:
    if name in SINGLE:
        return getattr(book, SINGLE[name])
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
        elif field.kind == "choice" and field.name not in form:
            continue  # a form of before there was this choice
        elif field.kind == "lines":
            said[field.name] = text.split()
        elif field.kind == "number":
            said[field.name] = number(text)
        elif field.kind == "when":
            where = book.department(str(form.get("department", "")))
            said[field.name] = from_local(text, where.zone if where else "UTC")
        else:
            said[field.name] = text
    return said


def number(text: str) -> Any:
    """A number where it is one; what it is otherwise, for the validation to refuse."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


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
    if name in {"manners", "interface"}:
        return {"manners": "/desk/trouble", "interface": "/interface"}[name]
    return (
        "/desk/setup"
        if name in {"apps", "launches", "settings", "sign_in_apps", "people_accounts", *CARRIER_FORMS, *CLOUD_FORMS}
        else "/desk/people"
    )


def _change(name: str, key: str, said: dict[str, Any]) -> dict[str, Any]:
    if name in SINGLE:
        return {SINGLE[name]: said}
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
        ("Microsoft-like cloud (Graph)", house.at.graph),
        ("Twilio-like carrier", house.at.twilio),
        ("Azure-like carrier", house.at.azure),
        ("Mail, STARTTLS", house.at.smtp),
        ("Mail, TLS", house.at.smtps),
    ]
    return page(request, "setup.html", book=house.book, addresses=addresses, done=request.query.get("done", ""))


ROUTES = [
    web.get("/desk/people", people),
    web.get("/desk/setup", configuration),
    web.get("/desk/edit/{name}/{key}", show),
    web.post("/desk/edit/{name}/{key}", save),
]
