"""Changing the hospital by JSON: `POST /setup` adds and edits anything in the book, all of it or nothing."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from msgspec import Struct

from practice.carriers.model import AzureResource, MailServer, OwnedNumber, TwilioAccount
from practice.carriers.phones import Phone
from practice.hospital import Hospital
from practice.interface.model import Interface
from practice.microsoft.apps import read
from practice.microsoft.graph.model import AccessPolicy, CloudManners
from practice.model import (
    PERSONAL,
    Account,
    Appointment,
    Book,
    ClientApp,
    Department,
    Directory,
    LaunchRecord,
    Patient,
    Practitioner,
    Settings,
    SignInApp,
)
from practice.seed import fhir_id, hostile, new_appointment
from practice.times import instant
from practice.trouble import GROUPS, Switch

S = TypeVar("S", bound=Struct)

_LISTS: dict[str, tuple[str, type[Struct]]] = {
    "departments": ("id", Department),
    "practitioners": ("id", Practitioner),
    "patients": ("id", Patient),
    "appointments": ("id", Appointment),
    "apps": ("client_id", ClientApp),
    "launches": ("key", LaunchRecord),
    "directories": ("tid", Directory),
    "people_accounts": ("oid", Account),
    "sign_in_apps": ("client_id", SignInApp),
    "access_policies": ("name", AccessPolicy),
    "twilio_accounts": ("sid", TwilioAccount),
    "azure_resources": ("name", AzureResource),
    "numbers": ("number", OwnedNumber),
}
_FRESH_IDS = {"directories", "people_accounts", "sign_in_apps"}
WORDS = frozenset({*_LISTS, "settings", "interface", "trouble", "phones", "mail", "cloud", "hostile", "remove"})


class BadSetup(ValueError):
    """What was sent does not fit; nothing was changed."""


def apply(house: Hospital, body: Any) -> dict[str, list[str]]:
    """Do everything that a setup body says, or raise BadSetup and do nothing. Gives the ids of what was touched, by list."""
    if not isinstance(body, dict):
        raise BadSetup("the body must be a JSON object")
    unknown = sorted(str(key)[:40] for key in body if key not in WORDS)
    if unknown:
        raise BadSetup(f"not known here: {', '.join(unknown)}; {', '.join(sorted(WORDS))} are")
    book = house.store.copy()
    try:
        touched = {name: _upsert_all(book, name, body.get(name, []), house.now()) for name in _LISTS}
        book.settings = _merged(book.settings, body.get("settings", {}), Settings)
        book.interface = _merged(book.interface, body.get("interface", {}), Interface)
        book.cloud = _merged(book.cloud, body.get("cloud", {}), CloudManners)
        book.mail = _merged(book.mail, body.get("mail", {}), MailServer)
        switches = _switches(body.get("trouble", {}))
        phones = msgspec.convert(body.get("phones", []), type=list[Phone])
    except msgspec.ValidationError as error:
        raise BadSetup(str(error)) from error
    if body.get("hostile"):
        touched["appointments"].append(hostile(book, house.now()).id)
    _remove(book, body.get("remove", {}))
    check(book)
    old = house.book
    house.store.put(book)
    house.engine.announce(old, book)
    for group in GROUPS:
        if group in switches:
            house.trouble.turn(group, switches[group])
    house.exchange.trouble(phones)
    house.grid.subscribe_all()
    return touched


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSetup(f"{what} must be an object")
    return value


def _merged(old: S, changes: Any, kind: type[S]) -> S:
    """A struct with some members changed; a member it does not have is refused."""
    changes = _object(changes, kind.__name__)
    members = set(kind.__struct_fields__)
    extra = sorted(str(key)[:40] for key in changes if key not in members)
    if extra:
        raise BadSetup(f"{kind.__name__} has no {', '.join(extra)}")
    return msgspec.convert({**msgspec.to_builtins(old), **changes}, type=kind)


def _switches(changes: Any) -> dict[str, Switch]:
    wanted = _object(changes, "trouble")
    wrong = sorted(str(key)[:40] for key in wanted if key not in GROUPS)
    if wrong:
        raise BadSetup(f"no switch for {', '.join(wrong)}; {', '.join(GROUPS)} have one")
    return {group: msgspec.convert(switch, type=Switch) for group, switch in wanted.items()}


def _upsert_all(book: Book, name: str, rows: Any, now: float) -> list[str]:
    if not isinstance(rows, list):
        raise BadSetup(f"{name} must be a list")
    return [_upsert(book, name, _object(row, f"each of {name}"), now) for row in rows]


def _upsert(book: Book, name: str, row: dict[str, Any], now: float) -> str:
    key, kind = _LISTS[name]
    items: list[Struct] = getattr(book, name)
    wanted = row.get(key) or _by_number(book, name, row)
    for place, old in enumerate(items):
        if wanted and getattr(old, key) == wanted:
            items[place] = _merged(old, {**row, key: wanted}, kind)
            return str(wanted)
    _merged_check(row, kind)
    made = msgspec.convert({**_defaults(book, name, row, now), **row}, type=kind)
    items.append(made)
    return str(getattr(made, key))


def _merged_check(row: Mapping[str, Any], kind: type[Struct]) -> None:
    extra = sorted(str(key)[:40] for key in row if key not in kind.__struct_fields__)
    if extra:
        raise BadSetup(f"{kind.__name__} has no {', '.join(extra)}")


def _by_number(book: Book, name: str, row: Mapping[str, Any]) -> str | None:
    """An appointment may also be named by its CSN."""
    if name != "appointments" or not row.get("csn"):
        return None
    return next((a.id for a in book.appointments if a.csn == row["csn"]), None)


def _defaults(book: Book, name: str, row: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Numbers for somebody new, as the house would give them."""
    if name == "appointments":
        who = {what: str(row.get(what, "")) for what in ("patient", "practitioner", "department")}
        who["department"] = who["department"] or (book.departments[0].id if book.departments else "")
        return _appointment(book, who, instant(now))
    if name == "patients":
        number = book.take_number()
        return {"id": fhir_id("patient", number), "ept": f"Z{number}", "wpr": f"8{number}", "mrn": f"E{number}"}
    if name == "practitioners":
        number = book.take_number()
        return {"id": fhir_id("practitioner", number), "emp": number, "login": f"user{number}"}
    if name in _FRESH_IDS:
        return {_LISTS[name][0]: str(uuid4())}
    return {"id": book.take_number()} if name == "departments" else {}


def _appointment(book: Book, who: Mapping[str, str], start: str) -> dict[str, Any]:
    """People may be named by any of their numbers; the book keeps FHIR ids."""
    made = new_appointment(book, patient=who["patient"], practitioner=who["practitioner"], department=who["department"], start=start)
    return dict(msgspec.to_builtins(made))


def _remove(book: Book, wanted: Any) -> None:
    for name, keys in _object(wanted, "remove").items():
        if name not in _LISTS or not isinstance(keys, list):
            raise BadSetup("remove holds lists of ids by the name of their list")
        key, _ = _LISTS[name]
        setattr(book, name, [item for item in getattr(book, name) if getattr(item, key) not in keys])


def check(book: Book) -> None:
    """Everything that one entry says of another must be so. People of an appointment are brought to their FHIR ids.

    Raises:
        BadSetup: naming the first thing that does not fit.
    """
    for visit in book.appointments:
        patient, practitioner = book.patient(visit.patient), book.practitioner(visit.practitioner)
        if patient is None:
            raise BadSetup(f"appointment {visit.csn}: no patient {visit.patient!r}")
        if practitioner is None:
            raise BadSetup(f"appointment {visit.csn}: no practitioner {visit.practitioner!r}")
        if book.department(visit.department) is None:
            raise BadSetup(f"appointment {visit.csn}: no department {visit.department!r}")
        visit.patient, visit.practitioner = patient.id, practitioner.id
        visit.others = [_practitioner(book, visit, key) for key in visit.others]
    _check_interface(book.interface)
    for account in book.people_accounts:
        unknown = [t for t in (account.tid, *account.guest_in) if t != PERSONAL and book.directory(t) is None]
        if unknown:
            raise BadSetup(f"account {account.user_name}: no directory {unknown[0]!r}")
    _check_apps(book)
    owners = {*(a.sid for a in book.twilio_accounts), *(r.name for r in book.azure_resources)}
    for number in book.numbers:
        if number.owner not in owners:
            raise BadSetup(f"number {number.number}: no account or resource {number.owner!r}")
    _unique("user name", [a.user_name.lower() for a in book.people_accounts])
    _unique("CSN", [a.csn for a in book.appointments])
    _unique("patient number", [n for p in book.patients for n in (p.id, p.ept, f"portal {p.wpr}")])
    _unique("practitioner number", [n for p in book.practitioners for n in {p.id, p.emp, p.login}])


def _check_apps(book: Book) -> None:
    """Certificates of apps are certificates, and policies and agreements are of directories that are there."""
    for app in book.sign_in_apps:
        for text in app.certificates:
            try:
                read(text)
            except ValueError as error:
                raise BadSetup(f"app {app.client_id}: a certificate is not one in Base64") from error
    for tid in (*(p.tid for p in book.access_policies if p.tid), *(tid for app in book.sign_in_apps for tid in app.consented)):
        if book.directory(tid) is None:
            raise BadSetup(f"no directory {tid!r}")


def _practitioner(book: Book, visit: Appointment, key: str) -> str:
    found = book.practitioner(key)
    if found is None:
        raise BadSetup(f"appointment {visit.csn}: no practitioner {key!r}")
    return found.id


def _check_interface(interface: Interface) -> None:
    """What only shows when a connection is opened should be said when it is entered."""
    if interface.on and interface.transport == "https" and not interface.url:
        raise BadSetup("the interface sends over HTTPS but has no address")
    if interface.trust:
        try:
            ssl.create_default_context(cadata=interface.trust)
        except (ssl.SSLError, ValueError) as error:
            raise BadSetup("the receiver's certificate is not one in PEM") from error


def _unique(what: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1}) if len(set(values)) < len(values) else []
    if twice:
        raise BadSetup(f"{what} given to two: {', '.join(twice[:5])}")


def view(house: Hospital) -> dict[str, Any]:
    """The book and the addresses, for tests and for the demo."""
    body: dict[str, Any] = msgspec.to_builtins(house.book)
    addresses = {
        name: getattr(house.at, name)
        for name in (
            "base",
            "fhir",
            "issuer",
            "authorize",
            "token",
            "jwks",
            "status",
            "microsoft",
            "graph",
            "twilio",
            "azure",
            "smtp",
            "smtps",
        )
    }
    return {**body, "addresses": addresses, "trouble": msgspec.to_builtins(house.trouble.switches)}
