"""The EHR's integration records: which kinds there are, what its form accepts, and a pasted pack taken apart. Strict, as an EHR is."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from practice.interface.model import Interface
from practice.model import Book, ClientApp, LaunchRecord

KINDS: dict[str, tuple[str, str]] = {
    "provider": ("Provider launch", "what a clinician's button opens"),
    "patient": ("Patient launch", "what the portal's button opens"),
    "group-provider": ("Group visit: provider launch", "the clinician's button of a visit with several patients"),
    "group-patient": ("Group visit: patient launch", "the portal's button of a visit with several patients"),
    "direct-sms": ("Direct SMS", "what a clinician's button opens that texts the patient"),
    "sms-configuration": ("SMS configuration", "where appointments are told to, for text messages"),
    "device-test": ("Device test", "what the test of camera and microphone opens"),
}
LAUNCH_TYPES: dict[str, str] = {
    "": "as the settings say",
    "7": "7, inside the record's window",
    "External Window": "External Window, in a window of its own",
}
TOKENS: dict[str, str] = {
    "CSN": "contact serial number, the visit",
    "CONFERENCEID": "what all patients of a group visit share",
    "PERFDEPID": "performing department",
    "LOGINDEPTID": "department of the login",
    "EXTENSION;15354": "time of the visit",
    "EPTID": "patient id",
    "PATFHIRID": "patient's FHIR id",
    "PATMOBILE": "patient's mobile phone",
    "DOB": "date of birth",
    "EPICUSERID": "user id",
    "SYSLOGIN": "login",
    "USERPROVFHIRID": "practitioner's FHIR id",
    "USERFNAME": "user's given name",
    "USERLNAME": "user's family name",
}
AUTHS = {
    "private_key_jwt": "private_key_jwt",
    "client_secret": "client_secret",
    "client_secret_basic": "client_secret",
    "client_secret_post": "client_secret",
    "none": "none",
    "public": "none",
}
_TOKEN = re.compile(r"%([A-Z0-9]+)((?:;[^%]*)?)%")
_LONGEST = 40_000


class BadRecord(ValueError):
    """Why the form does not take what was entered."""


def check_url(label: str, text: str) -> None:
    """An address as an EHR takes it: https, or plain http on this machine.

    Raises:
        BadRecord: naming what is wrong.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadRecord(f"{label}: {text[:80]!r} is not an address.") from error
    if re.search(r"[\s<>\"]", text) or parts.scheme not in {"http", "https"} or not host:
        raise BadRecord(f"{label}: {text[:80]!r} is not an address that begins with https://.")
    if parts.scheme == "http" and not _loopback(host):
        raise BadRecord(f"{label}: https is required; plain http is taken on this machine only.")
    if "@" in parts.netloc:
        raise BadRecord(f"{label}: a user name in an address is not taken.")
    if parts.fragment:
        raise BadRecord(f"{label}: the part after # is never sent; it is not taken.")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_launch(said: dict[str, str]) -> dict[str, str]:
    """The fields of a launch record, in the words of the book."""
    if said.get("url"):
        check_url("Launch URL", said["url"])
    words = {name.lower(): name for name in LAUNCH_TYPES}
    if said.get("launch_type", "").lower() not in words:
        raise BadRecord(f"Launch type: {said['launch_type'][:40]!r} is not one of {', '.join(filter(None, LAUNCH_TYPES))}.")
    return {**said, "launch_type": words[said.get("launch_type", "").lower()]}


def check_app(said: dict[str, Any]) -> dict[str, Any]:
    """The fields of a registration, in the words of the book."""
    if not said.get("client_id"):
        raise BadRecord("Client ID: an app needs one.")
    for uri in said.get("redirect_uris", []):
        check_url("Redirect URIs", uri)
    if said.get("jwks_url"):
        check_url("JWKS URL", said["jwks_url"])
    auth = AUTHS.get(said.get("auth", "private_key_jwt").lower())
    if auth is None:
        raise BadRecord(f"Client authentication: {said['auth'][:40]!r} is not one of {', '.join(AUTHS)}.")
    return {**said, "auth": auth, "auth_as": said.get("auth", auth)}


def with_secret(book: Book, said: dict[str, Any]) -> dict[str, Any]:
    """A secret is made where one is needed and there is none."""
    there = book.app(said["client_id"])
    if said["auth"] != "client_secret" or said.get("secret") or (there and there.secret and "secret" not in said):
        return said
    return {**said, "secret": secrets.token_urlsafe(24)}


def doubts(book: Book, record: LaunchRecord) -> list[str]:
    """What an EHR takes, and says a word about."""
    found = [] if record.url else ["It has no URL yet."]
    if book.app(record.client_id) is None:
        found.append(f"No app is registered for the client id {record.client_id!r}." if record.client_id else "It has no client id yet.")
    return [*found, *token_doubts(record.context)]


def token_doubts(context: str) -> Iterator[str]:
    """What looks wrong in a CONTEXT string; a mnemonic that is not in the table gives nothing at a launch."""
    names: list[str] = []
    for part in filter(None, context.split("&")):
        name, mark, value = part.partition("=")
        if not mark:
            yield f"{part[:60]!r} has no name and will be left out."
            continue
        names.append(name.strip())
        for match in _TOKEN.finditer(value):
            if match[1] not in TOKENS and f"{match[1]}{match[2]}" not in TOKENS:
                yield f"%{match[1]}% is not a token of this record; it will be empty."
        if "%" in _TOKEN.sub("", value):
            yield f"{part[:60]!r} has a % that belongs to no token."
    yield from (f"{name!r} stands there twice." for name in sorted({n for n in names if names.count(n) > 1}))


# ---------------------------------------------------------------------- a pack that is pasted whole

_TITLES = {title.lower(): kind for kind, (title, _) in KINDS.items()}
_APP = "app registration"
_FEED = "sms-configuration"
_FEED_LABELS = {
    "host": "host",
    "port of mllp with tls": "tls_port",
    "port of plain mllp": "port",
    "address of hl7 over https": "url",
    "events": "",
    "acknowledgement": "",
    "sender's certificate": "",
}
_LAUNCH_LABELS = {
    "type": "type",
    "integration type": "type",
    "model": "model",
    "integration model": "model",
    "launch url": "url",
    "url": "url",
    "launch type": "launch_type",
    "launchtype": "launch_type",
    "client id": "client_id",
    "context tokens": "context",
    "context token": "context",
    "context": "context",
    "redirect uris": "",  # some vendors' records show them beside the launch; they count in the registration
    "scopes": "",
}
_APP_LABELS = {
    "client id": "client_id",
    "redirect uris": "redirect_uris",
    "redirect uri": "redirect_uris",
    "client authentication": "auth",
    "jwks url": "jwks_url",
    "scopes": "scopes",
    "secret": "secret",
    "fhir base url": "fhir",
    "signing algorithms": "",
    "grant": "",
}


@dataclass
class Pack:
    """A pasted pack: the entries for the book, and what was not understood."""

    launches: list[dict[str, Any]] = field(default_factory=list)
    apps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interface: dict[str, Any] = field(default_factory=dict)


def take_apart(text: str, *, fhir: str) -> Pack:
    """Sections `[Title]` with lines `Label: value`.

    Raises:
        BadRecord: when a value is not acceptable, or nothing is recognised.
    """
    pack = Pack()
    for title, lines in _sections(text[:_LONGEST]):
        if _TITLES.get(title.lower()) == _FEED:
            pack.interface = interface_of(_said(lines, {**_LAUNCH_LABELS, **_FEED_LABELS}, title, pack.notes))
        elif title.lower() in _TITLES:
            kind = _TITLES[title.lower()]
            said = _said(lines, _LAUNCH_LABELS, title, pack.notes)
            pack.launches.append({"key": kind, "kind": kind, "name": title, **check_launch(said)})
        elif title.lower().startswith(_APP):
            _app(title, _said(lines, _APP_LABELS, title, pack.notes), pack, fhir)
        else:
            pack.notes.append(f"[{title[:60]}] is not a record that is kept here.")
    if not pack.launches and not pack.apps and not pack.interface:
        raise BadRecord(f"No record was recognised. Each begins with its title in brackets, like [{KINDS['provider'][0]}].")
    return pack


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    title, lines = "", list[str]()
    for line in text.splitlines():
        head = re.fullmatch(r"\s*\[([^\]]+)\]\s*", line)
        if head:
            if title:
                yield title, lines
            title, lines = head[1].strip(), []
        elif title and line.strip() and not line.lstrip().startswith("#"):
            lines.append(line)
    if title:
        yield title, lines


def _said(lines: Iterable[str], labels: dict[str, str], title: str, notes: list[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in lines:
        label, mark, value = line.partition(":")
        name = labels.get(label.strip().lower()) if mark else None
        if name is None:
            notes.append(f"[{title[:60]}]: {line.strip()[:60]!r} was not understood and left out.")
        elif name:
            said[name] = value.strip()
    return said


def interface_of(said: dict[str, str]) -> dict[str, Any]:
    """Where the interface engine is to send to: by the safest way that the record offers.

    Raises:
        BadRecord: when there is none.
    """
    for name in ("tls_port", "port"):
        if said.get(name) and not said[name].isdecimal():
            raise BadRecord(f"SMS configuration: {said[name][:20]!r} is no port.")
    if said.get("url"):
        check_url("Address of HL7 over HTTPS", said["url"])
    places: dict[str, Any] = {"url": said["url"]} if said.get("url") else {}
    if said.get("tls_port") or said.get("port"):
        transport = "mllps" if said.get("tls_port") else "mllp"
        return {"transport": transport, "host": said.get("host", ""), "port": int(said.get("tls_port") or said["port"]), **places}
    if places:
        return {"transport": "https", **places}
    raise BadRecord("SMS configuration: neither a port nor an address to send to.")


def _app(title: str, said: dict[str, str], pack: Pack, fhir: str) -> None:
    base = said.pop("fhir", fhir)
    if base.rstrip("/") != fhir:
        pack.notes.append(f"[{title[:60]}] was made for another FHIR base URL, {base[:120]}; this one is {fhir}.")
    entry: dict[str, Any] = {"name": title[:120], **said}
    if "redirect_uris" in said:
        entry["redirect_uris"] = re.split(r"[\s,;]+", said["redirect_uris"])
    pack.apps.append(check_app(entry))


# ---------------------------------------------------------------------- what is held, as text


def read_out(book: Book, fhir: str) -> str:
    """Every record and registration as it is held, in the form in which a pack is pasted."""
    environment = book.settings.environment or "practice"
    lines = [f"# Eastmere Medical Center ({environment}): {fhir}"]
    for kind, (title, _) in KINDS.items():
        record = held(book, kind)
        if kind == _FEED:
            lines += ["", f"[{title}]", *_feed_lines(book.interface)] if book.interface.entered else []
        elif record is not None:
            lines += ["", f"[{title}]", *_launch_lines(record), *_beside(book, record)]
    for app in book.apps:
        title = app.name if app.name.lower().startswith(_APP) else f"App registration: {app.name}"
        lines += ["", f"[{title}]", *_app_lines(app, fhir)]
    return "\n".join(lines) + "\n"


def _launch_lines(record: LaunchRecord) -> list[str]:
    return [
        f"Type: {record.type}",
        f"Model: {record.model}",
        f"Launch URL: {record.url}",
        f"Launch type: {record.launch_type}",
        f"Client ID: {record.client_id}",
        f"Context tokens: {record.context}",
    ]


def _feed_lines(interface: Interface) -> list[str]:
    ports = {"mllps": "Port of MLLP with TLS", "mllp": "Port of plain MLLP"}
    lines = [f"Host: {interface.host}", f"{ports[interface.transport]}: {interface.port}"] if interface.transport in ports else []
    return [*lines, f"Address of HL7 over HTTPS: {interface.url}"] if interface.url else lines


def _beside(book: Book, record: LaunchRecord) -> list[str]:
    """Where records are not Epic's, the app's own lines stand with its launch."""
    app = book.app(record.client_id) if book.settings.vendor != "epic" else None
    return [f"Redirect URIs: {' '.join(app.redirect_uris)}", f"Scopes: {app.scopes}"] if app else []


def _app_lines(app: ClientApp, fhir: str) -> list[str]:
    lines = [f"Client ID: {app.client_id}", f"Redirect URIs: {' '.join(app.redirect_uris)}"]
    lines.append(f"Client authentication: {app.auth_as or app.auth}")
    if app.auth == "private_key_jwt":
        lines += [f"JWKS URL: {app.jwks_url}", "Signing algorithms: ES384 RS384 ES256"]
    behind = all(scope.startswith("system/") for scope in app.scopes.split())
    return [*lines, f"Grant: {'client_credentials' if behind else 'authorization_code'}", f"Scopes: {app.scopes}", f"FHIR base URL: {fhir}"]


def held(book: Book, kind: str) -> LaunchRecord | None:
    """The record behind a kind: the one under that key, else the first of the kind."""
    return book.launch(kind) or next((record for record in book.launches if record.kind == kind), None)
