"""Loading FHIR R4 bundles of synthetic patients (Synthea) from a folder: their people, and a video visit for each patient."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from practice.model import Book, Patient, Practitioner
from practice.seed import fhir_id, new_appointment
from practice.times import instant

_DIGITS = re.compile(r"\d+$")
_GENDERS = {"female", "male", "other", "unknown"}
_SLOT = 900
_MOST_BYTES = 100_000_000
T = TypeVar("T")


class BadBundle(ValueError):
    """A file that is not what it should be; its text names the file."""


def load_folder(book: Book, folder: Path, now: float) -> list[str]:
    """Load every `*.json` of a folder. Those already here are left as they are. Gives the ids of the new patients."""
    if not folder.is_dir():
        raise BadBundle(f"{folder} is not a folder")
    loaded: list[str] = []
    for file in sorted(folder.glob("*.json")):
        loaded += load_bundle(book, _read(file), now + len(loaded) * _SLOT)
    return loaded


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > _MOST_BYTES:
        raise BadBundle(f"{file.name} is too large")
    try:
        bundle = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"{file.name} is not JSON") from error
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or not isinstance(bundle.get("entry", []), list):
        raise BadBundle(f"{file.name} is not a FHIR Bundle")
    return bundle


def load_bundle(book: Book, bundle: dict[str, Any], now: float) -> list[str]:
    """Take the Practitioners and Patients of one bundle into the book."""
    resources = [r for r in (_member(entry) for entry in bundle.get("entry", [])) if r]
    doctors = [p for p in (_practitioner(book, r) for r in resources if r.get("resourceType") == "Practitioner") if p]
    book.practitioners += doctors[:1]  # a bundle names dozens; one is enough to see its patient
    loaded: list[str] = []
    for resource in resources:
        made = _patient(book, resource) if resource.get("resourceType") == "Patient" else None
        if made is None:
            continue
        book.patients.append(made)
        loaded.append(made.id)
        _appoint(book, made, doctors, now)
    return loaded


def _member(entry: Any) -> dict[str, Any] | None:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return resource if isinstance(resource, dict) else None


def _appoint(book: Book, patient: Patient, doctors: list[Practitioner], now: float) -> None:
    doctor = doctors[0] if doctors else book.practitioners[0] if book.practitioners else None
    if doctor is None or not book.departments:
        return
    start = instant(now - now % _SLOT)
    visit = new_appointment(book, patient=patient.id, practitioner=doctor.id, department=book.departments[0].id, start=start)
    visit.reason = "Video visit"
    book.appointments.append(visit)


def _name(resource: dict[str, Any]) -> tuple[str, str]:
    """Family and given name, without the digits that Synthea puts behind them."""
    names = resource.get("name")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], dict) else {}
    given = name.get("given")
    first = str(given[0]) if isinstance(given, list) and given else "Unknown"
    return _DIGITS.sub("", str(name.get("family") or "Unknown"))[:120], _DIGITS.sub("", first)[:120]


def _id(resource: dict[str, Any]) -> str:
    return str(resource.get("id") or fhir_id("loaded", json.dumps(resource, sort_keys=True)))


def _phone(resource: dict[str, Any]) -> str:
    telecom = resource.get("telecom")
    entries = telecom if isinstance(telecom, list) else []
    return next((str(t.get("value", ""))[:200] for t in entries if isinstance(t, dict) and t.get("system") == "phone"), "")


def _patient(book: Book, resource: dict[str, Any]) -> Patient | None:
    key = _id(resource)
    if book.patient(key):
        return None
    family, given = _name(resource)
    gender = resource.get("gender")
    number = book.take_number()
    row = {
        "id": key,
        "ept": f"Z{number}",
        "wpr": f"8{number}",
        "mrn": f"E{number}",
        "family": family or "Unknown",
        "given": given or "Unknown",
        "birth_date": str(resource.get("birthDate") or "1970-01-01")[:10],
        "gender": gender if gender in _GENDERS else "unknown",
        "phone": _phone(resource),
    }
    return _fits(row, Patient)


def _practitioner(book: Book, resource: dict[str, Any]) -> Practitioner | None:
    key = _id(resource)
    if book.practitioner(key):
        return None
    family, given = _name(resource)
    number = book.take_number()
    row = {"id": key, "emp": number, "login": f"user{number}", "family": family or "Unknown", "given": given or "Unknown", "title": "MD"}
    return _fits(row, Practitioner)


def _fits(row: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(row, type=kind)
    except msgspec.ValidationError as error:
        raise BadBundle(f"{kind.__name__} {row['id'][:64]!r} does not fit: {error}") from error
