"""The EHR's record form: an analyst enters or pastes integration records and app registrations; launches come from what stands here."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField
from msgspec import convert

from practice import setup
from practice.certificates import as_file, describe, read_certificate
from practice.hospital import Hospital, hospital
from practice.model import ClientApp, LaunchRecord
from practice.records import (
    KINDS,
    LAUNCH_TYPES,
    TOKENS,
    BadRecord,
    check_app,
    check_launch,
    doubts,
    held,
    read_out,
    take_apart,
    with_secret,
)
from practice.screens.pages import missing, page

_AUTHS = {"private_key_jwt": "a signed assertion (private_key_jwt)", "client_secret": "a secret", "none": "nothing (public)"}


async def overview(request: web.Request) -> web.StreamResponse:
    """What the EHR holds, kind by kind, with a word about what looks wrong."""
    return _overview(request)


def _overview(request: web.Request, *, pasted: str = "", error: str = "", notes: tuple[str, ...] = ()) -> web.Response:
    house = hospital(request)
    rows = [(kind, title, about, held(house.book, kind)) for kind, (title, about) in KINDS.items() if kind != "sms-configuration"]
    words = {record.key: doubts(house.book, record) for _, _, _, record in rows if record is not None}
    return page(
        request,
        "records.html",
        status=400 if error else 200,
        rows=rows,
        doubts=words,
        apps=house.book.apps,
        interface=house.book.interface,
        auths=_AUTHS,
        describe=describe,
        pasted=pasted,
        error=error,
        notes=notes,
        done=request.query.get("done", ""),
    )


async def paste(request: web.Request) -> web.StreamResponse:
    """Take a whole pack: every record and registration in it, or nothing."""
    house = hospital(request)
    text = str((await request.post()).get("pack", ""))
    try:
        pack = take_apart(text, fhir=house.at.fhir)
        launches = [_keyed(house, entry) for entry in pack.launches]
        interface = {**pack.interface, "entered": True} if pack.interface else {}
        setup.apply(house, {"launches": launches, "apps": [with_secret(house.book, app) for app in pack.apps], "interface": interface})
    except ValueError as error:
        return _overview(request, pasted=text, error=str(error)[:300])
    count = f"Kept: {_many(len(launches), 'launch record')}, {_many(len(pack.apps), 'app registration')}."
    told = [f"Appointments are to be told to {house.book.interface.where}; switch it on under Interface."] if interface else []
    return _overview(request, notes=(count, *told, *pack.notes))


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _keyed(house: Hospital, entry: dict[str, Any]) -> dict[str, Any]:
    """Onto the record that stands for this kind already, whatever its key."""
    there = held(house.book, entry["kind"])
    return {**entry, "key": there.key if there else entry["key"]}


# ---------------------------------------------------------------------- one launch record


async def show_record(request: web.Request) -> web.StreamResponse:
    """The form of one kind."""
    kind = request.match_info["kind"]
    if kind not in KINDS:
        return missing(request, "There is no such kind of record.")
    record = held(hospital(request).book, kind)
    return _record(request, kind, record or convert({"key": kind, "kind": kind, "context": ""}, LaunchRecord))


def _record(request: web.Request, kind: str, values: Any, *, error: str = "") -> web.Response:
    house = hospital(request)
    return page(
        request,
        "record.html",
        status=400 if error else 200,
        kind=kind,
        title=KINDS[kind][0],
        about=KINDS[kind][1],
        values=values,
        types=LAUNCH_TYPES,
        tokens=TOKENS,
        clients=house.book.apps,
        there=held(house.book, kind) is not None,
        error=error,
    )


async def save_record(request: web.Request) -> web.StreamResponse:
    """Keep one record, or remove it; the form again with the reason why not."""
    house, kind = hospital(request), request.match_info["kind"]
    if kind not in KINDS:
        return missing(request, "There is no such kind of record.")
    form = await request.post()
    there = held(house.book, kind)
    if "remove" in form:
        setup.apply(house, {"remove": {"launches": [there.key] if there else []}})
        return _see_other("/records?done=removed")
    names = ("url", "launch_type", "client_id", "context", "type", "model")
    said = {name: str(form.get(name, "")).strip() for name in names}
    try:
        entry = {"key": kind, "kind": kind, "name": KINDS[kind][0], **check_launch(said)}
        setup.apply(house, {"launches": [_keyed(house, entry)]})
    except ValueError as error:
        return _record(request, kind, said, error=str(error)[:300])
    return _see_other("/records?done=saved")


# ---------------------------------------------------------------------- one app registration


async def show_app(request: web.Request) -> web.StreamResponse:
    """The form of one registration."""
    key = request.match_info["client_id"]
    app = hospital(request).book.app(key)
    if app is None and key != "new":
        return missing(request, "There is no such app.")
    return _app(request, key, app or ClientApp(client_id="new", name="New app"))


def _app(request: web.Request, key: str, values: Any, *, error: str = "") -> web.Response:
    return page(
        request, "registration.html", status=400 if error else 200, key=key, values=values, auths=_AUTHS, describe=describe, error=error
    )


async def save_app(request: web.Request) -> web.StreamResponse:
    """Keep one registration, or remove it."""
    house, key = hospital(request), request.match_info["client_id"]
    if key != "new" and house.book.app(key) is None:
        return missing(request, "There is no such app.")
    form = await request.post()
    if "remove" in form and key != "new":
        setup.apply(house, {"remove": {"apps": [key]}})
        return _see_other("/records?done=removed")
    said: dict[str, Any] = {name: str(form.get(name, "")).strip() for name in ("client_id", "name", "auth", "jwks_url", "secret", "scopes")}
    said |= {"redirect_uris": str(form.get("redirect_uris", "")).split(), "standalone": "standalone" in form, "certificate": ""}
    said["client_id"] = key if key != "new" else said["client_id"]
    try:
        said["certificate"] = _certificate(house, form.get("file"), str(form.get("certificate", "")))
        if key == "new" and house.book.app(said["client_id"]):
            raise BadRecord("Client ID: it is registered already.")
        setup.apply(house, {"apps": [_without_empty(with_secret(house.book, check_app(said)))]})
    except ValueError as error:
        return _app(request, key, said, error=str(error)[:300])
    return _see_other("/records?done=saved")


def _certificate(house: Hospital, upload: Any, pasted: str) -> str:
    """The public key: of the file where one was chosen, else of the text; nothing where neither is there."""
    raw = upload.file.read(100_000) if isinstance(upload, FileField) else b""
    raw = raw or pasted.strip().encode()
    return read_certificate(raw, house.now()) if raw else ""


def _without_empty(said: dict[str, Any]) -> dict[str, Any]:
    """A name and scopes that were left empty are left to their defaults."""
    return {name: value for name, value in said.items() if value != "" or name not in {"name", "scopes"}}


async def certificate(request: web.Request) -> web.StreamResponse:
    """The registered public key as a file."""
    app = hospital(request).book.app(request.match_info["client_id"])
    if app is None or not app.certificate:
        return missing(request, "No public key is registered for this app.")
    headers = {"Content-Disposition": 'attachment; filename="public-key.cer"'}
    return web.Response(body=as_file(app.certificate), content_type="application/x-x509-ca-cert", headers=headers)


# ---------------------------------------------------------------------- read out


async def as_text(request: web.Request) -> web.StreamResponse:
    """What the EHR holds, for somebody to paste elsewhere."""
    house = hospital(request)
    return web.Response(text=read_out(house.book, house.at.fhir), content_type="text/plain", charset="utf-8")


async def as_json(request: web.Request) -> web.StreamResponse:
    """The same for programs."""
    house = hospital(request)
    found = {kind: held(house.book, kind) for kind in KINDS}
    launches = {
        kind: {name: getattr(record, name) for name in ("url", "launch_type", "client_id", "context", "type", "model")}
        for kind, record in found.items()
        if record is not None
    }
    names = ("client_id", "name", "auth", "jwks_url", "redirect_uris", "scopes", "standalone")
    apps = [{name: getattr(app, name) for name in names} for app in house.book.apps]
    return web.json_response({"environment": house.book.settings.environment, "fhir": house.at.fhir, "launches": launches, "apps": apps})


def _see_other(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where})


ROUTES = [
    web.get("/records", overview),
    web.get("/records.txt", as_text),
    web.get("/records.json", as_json),
    web.post("/records/paste", paste),
    web.get("/records/app/{client_id}", show_app),
    web.post("/records/app/{client_id}", save_app),
    web.get("/records/app/{client_id}/public-key.cer", certificate),
    web.get("/records/{kind}", show_record),
    web.post("/records/{kind}", save_record),
]
