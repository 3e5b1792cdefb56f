"""The base URL with its version: trying the endings that records are known to have, and naming the one that works."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from vestibule.doctor.checks.describe import Described
from vestibule.doctor.documents import MOST_BYTES, Statement, Unreadable, aside, host_of, read_statement
from vestibule.doctor.model import Finding, stops
from vestibule.doctor.ports import Outside
from vestibule.errors import VestibuleError
from vestibule.kit.exchange import Ask

PHASE = "doctor.suffix"
_SECONDS = 4.0
_MOST = 6
_VERSION = re.compile(r"/(dstu2|stu3|r4b?|r5)(?=/|$)", re.IGNORECASE)
_VERSIONS = ("/R4", "/r4", "/STU3", "/DSTU2")
_GOOD = {"R4", "R4B"}
_WRONG_PLACE = {"fhir-not-here", "capability-page", "capability-other"}
_WRONG_VERSION = {"fhir-dstu2", "fhir-stu3"}


def endings(url: str) -> list[str]:
    """The addresses that are worth a try instead of `url`, likeliest first."""
    base = url.rstrip("/")
    oracle = host_of(base).endswith("cerner.com")
    found = _VERSION.search(base)
    tries: list[str] = []
    if found:
        tries += [base[: found.start()] + version + base[found.end() :] for version in (("/r4",) if oracle else _VERSIONS)]
    elif oracle:
        origin, _, tenant = base.rpartition("/")
        tries += [f"{origin}/r4/{tenant}"]
    elif base.lower().endswith("/api/fhir"):
        tries += [f"{base}{version}" for version in _VERSIONS]
    else:
        tries += [base + end for end in ("/R4", "/api/FHIR/R4", "/r4", "/fhir", "/fhir/r4", "/baseR4")]
    tries = [re.sub(r"/api/fhir", "/api/FHIR", one, flags=re.IGNORECASE) for one in tries] + tries
    return [one for one in dict.fromkeys(tries) if one != url][:_MOST]


async def find_better(outside: Outside, told: Described) -> None:
    """If the address is not an R4 base, find one near it; rewrites the finding that says so."""
    place = next((n for n, finding in enumerate(told.findings) if finding.code in _WRONG_PLACE | _WRONG_VERSION), None)
    if place is None:
        return
    tries = endings(told.url)
    answers = await asyncio.gather(*(_try(outside, url) for url in tries))
    works = [(url, statement) for url, statement in zip(tries, answers, strict=True) if statement]
    best = next((pair for pair in works if pair[1].version in _GOOD), works[0] if works else None)
    if best is not None:
        told.findings[place] = _better(told, told.findings[place], *best)


def _better(told: Described, finding: Finding, url: str, statement: Statement) -> Finding:
    if statement.version in _GOOD:
        told.suggested = url
    if finding.code in _WRONG_VERSION:
        if not told.suggested:
            return finding
        return replace(finding, remedy=f"Use {url}: there the same record speaks FHIR {statement.version}.")
    told.statement = statement
    version = statement.version or "an unknown version"
    what = f"There is no FHIR server at this address itself, and one for {version} at {url}: the ending is missing or wrong."
    return stops("fhir-suffix", what, f"Enter {url}." if told.suggested else "Ask the record's operator for the base URL of R4.")


async def _try(outside: Outside, url: str) -> Statement | None:
    ask = Ask("GET", f"{url}/metadata", PHASE, {"Accept": "application/fhir+json, application/json"})
    try:
        answer = await outside.perform(ask, timeout=_SECONDS, max_bytes=MOST_BYTES)
        return await aside(read_statement, answer) if answer.ok else None
    except (VestibuleError, Unreadable):
        return None
