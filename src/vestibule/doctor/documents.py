"""Reading what a FHIR server says about itself: the capability statement and the SMART configuration. Hostile input."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlsplit

from vestibule.doctor.model import Discovered
from vestibule.kit.exchange import Answer
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.tenancy.model import Vendor

T = TypeVar("T")

MOST_BYTES = 10_000_000  # real capability statements pass a megabyte
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_LARGE = 100_000
_MOST_TEXT = 200
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTH_YEAR = re.compile(rf"({'|'.join(_MONTHS)}|{'|'.join(m[:3] for m in _MONTHS)})\.?\s+(20[0-9]{{2}})", re.IGNORECASE)
_ISO = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?")
_VERSIONS = (
    ("4.0", "R4"),
    ("4.1", "R4B"),
    ("4.3", "R4B"),
    ("3.", "STU3"),
    ("1.0", "DSTU2"),
    ("0.4", "DSTU2"),
    ("0.5", "DSTU2"),
    ("5.", "R5"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A capability statement, as far as a launch cares."""

    version: str
    software: str = ""
    release: str = ""
    release_date: str = ""
    publisher: str = ""
    authorize: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A SMART configuration, as far as a launch cares."""

    authorize: str = ""
    token: str = ""
    pkce: tuple[str, ...] | None = None
    capabilities: frozenset[str] = field(default_factory=frozenset)
    algs: tuple[str, ...] = ()


class Unreadable(ValueError):
    """Not the document; the text is one of a few fixed words: page, xml, json, other."""


def read_statement(answer: Answer) -> Statement:
    """The capability statement in an answer; raises Unreadable."""
    found = _object(answer)
    if found.get("resourceType") not in ("CapabilityStatement", "Conformance"):
        raise Unreadable("other")
    software = found.get("software")
    software = software if isinstance(software, dict) else {}
    uris = dict(_oauth_uris(found))
    return Statement(
        version=fhir_version(_text(found.get("fhirVersion"))),
        software=_text(software.get("name")),
        release=_text(software.get("version")),
        release_date=_text(software.get("releaseDate")),
        publisher=_text(found.get("publisher")),
        authorize=uris.get("authorize", ""),
        token=uris.get("token", ""),
    )


async def aside(read: Callable[[Answer], T], answer: Answer) -> T:
    """Read an answer; a large one in a thread, so that nobody else waits for it."""
    return await asyncio.to_thread(read, answer) if len(answer.body) > _LARGE else read(answer)


def read_configuration(answer: Answer) -> Configuration:
    """The SMART configuration in an answer; raises Unreadable."""
    found = _object(answer)
    pkce = found.get("code_challenge_methods_supported")
    return Configuration(
        authorize=_text(found.get("authorization_endpoint"), 2000),
        token=_text(found.get("token_endpoint"), 2000),
        pkce=tuple(_texts(pkce)) if isinstance(pkce, list) else None,
        capabilities=frozenset(_texts(found.get("capabilities"))),
        algs=tuple(_texts(found.get("token_endpoint_auth_signing_alg_values_supported"))),
    )


def fhir_version(text: str) -> str:
    """`R4` for 4.0.1, and so on; empty for what nobody knows."""
    return next((name for start, name in _VERSIONS if text.startswith(start)), "")


def discovered(url: str, statement: Statement | None, configuration: Configuration | None) -> Discovered:
    """Everything two documents and an address say about whose record it is."""
    statement = statement or Statement("")
    configuration = configuration or Configuration()
    authorize = configuration.authorize or statement.authorize
    token = configuration.token or statement.token
    return Discovered(
        vendor=vendor_of(url, statement, token),
        fhir_version=statement.version,
        software=statement.software,
        release=statement.release,
        released=released(statement.release) or released(statement.release_date),
        authorize=authorize,
        token=token,
    )


def vendor_of(url: str, statement: Statement, token: str) -> Vendor:
    """Whose record: by what it says of itself, else by the shape of its addresses."""
    said = f" {statement.software} {statement.publisher} ".lower()
    if re.search(r"\bepic\b", said):
        return Vendor.EPIC
    if re.search(r"\b(cerner|oracle health|millennium)\b", said):
        return Vendor.ORACLE_HEALTH
    hosts = {host_of(url), host_of(token)}
    if any(host == "cerner.com" or host.endswith(".cerner.com") for host in hosts):
        return Vendor.ORACLE_HEALTH
    if re.search(r"/api/FHIR(/|$)|/interconnect", url):
        return Vendor.EPIC
    return Vendor.GENERIC


def released(text: str) -> date | None:
    """When a release came out: `August 2024`, `2024-08`, `2024-08-01T...`; None when it cannot be read."""
    words = _MONTH_YEAR.search(text)
    if words:
        month = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(words[1].lower()[:3]))
        return date(int(words[2]), month, 1)
    iso = _ISO.search(text)
    return date(int(iso[1]), int(iso[2]), 1) if iso else None


def host_of(url: str) -> str:
    """The host of a URL, or nothing."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _object(answer: Answer) -> dict[str, Any]:
    start = answer.body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        raise Unreadable("xml" if b"hl7.org/fhir" in start else "page")
    try:
        return read_object(answer.body, max_bytes=MOST_BYTES)
    except JsonError:
        raise Unreadable("json") from None


def _text(value: Any, most: int = _MOST_TEXT) -> str:
    return value[:most] if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [text[:_MOST_TEXT] for text in value[:_MOST_TEXT] if isinstance(text, str)] if isinstance(value, list) else []


def _oauth_uris(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for rest in _dicts(statement.get("rest")):
        security = rest.get("security")
        for extension in _dicts(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") != _OAUTH_URIS:
                continue
            for part in _dicts(extension.get("extension")):
                if isinstance(part.get("url"), str) and isinstance(part.get("valueUri"), str):
                    yield part["url"], part["valueUri"][:2000]


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
