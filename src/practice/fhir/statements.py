"""What the server says of itself: a statement for each FHIR version, in the manner of one vendor or another."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from practice.calls import note, outcome
from practice.fhir.search import TESTS
from practice.hospital import FAMILY, Hospital, hospital, version_of

_JSON = "application/fhir+json"
_NUMBERS = {"DSTU2": "1.0.2", "STU3": "3.0.1", "R4": "4.0.1"}
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SOFTWARE = {"epic": "Practice hospital, Epic-like", "oracle": "Practice hospital, Millennium-like", "generic": "Practice hospital"}
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


async def metadata(request: web.Request) -> web.StreamResponse:
    """The CapabilityStatement of this base, or the older Conformance; with the oauth-uris extension that clients fall back to."""
    house, version = hospital(request), version_of(request.path)
    settings = house.book.settings
    note(request, version=version)
    if version not in settings.fhir_versions:
        note(request, error="not-found")
        return outcome(404, f"no FHIR {version} here")
    told = settings.statement_as if version == "R4" and settings.statement_as else version
    return web.json_response(_statement(house, version, told), content_type=_JSON)


def _statement(house: Hospital, version: str, told: str) -> dict[str, Any]:
    base = house.at.fhir if version == "R4" else f"{house.at.base}{FAMILY}/{version}"
    body: dict[str, Any] = {
        "resourceType": "Conformance" if told == "DSTU2" else "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "software": _software(house),
        "implementation": {"description": _named(house), "url": base},
        "fhirVersion": _NUMBERS[told],
        "format": ["json", _JSON],
        "rest": [{"mode": "server", "security": _security(house), "resource": [_described(kind) for kind in TESTS]}],
    }
    if house.at.oracle:
        body["publisher"] = "Cerner"
    return body


def _software(house: Hospital) -> dict[str, str]:
    settings = house.book.settings
    told = {"name": _SOFTWARE[settings.vendor]}
    if settings.release:
        told["releaseDate" if _DATE.fullmatch(settings.release) else "version"] = settings.release
    return told


def _security(house: Hospital) -> dict[str, Any]:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    told: dict[str, Any] = {"cors": False, "service": [{"coding": [coding]}]}
    if house.book.settings.oauth_uris:
        uris = [("authorize", house.at.authorize), ("token", house.at.token)]
        told["extension"] = [{"url": _OAUTH_URIS, "extension": [{"url": name, "valueUri": uri} for name, uri in uris]}]
    return told


def _named(house: Hospital) -> str:
    environment = house.book.settings.environment
    return "Practice hospital, for tests and demonstrations" + (f" ({environment} environment)" if environment else "")


def _described(kind: str) -> dict[str, Any]:
    types = {"date": "date", "patient": "reference", "practitioner": "reference", "actor": "reference", "subject": "reference"}
    types |= {"participant": "reference", "appointment": "reference", "location": "reference", "birthdate": "date"}
    types |= {"family": "string", "given": "string", "name": "string"}
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": types.get(name, "token")} for name in TESTS[kind]],
    }


async def no_such_base(_request: web.Request) -> web.StreamResponse:
    """Everything beside the bases that there are: no version, another version, other capital letters."""
    return outcome(404, "no FHIR server at this address")
