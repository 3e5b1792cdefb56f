"""What the record says about itself: capability statement, FHIR version, software release, SMART configuration, the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from email.utils import parsedate_to_datetime

from vestibule.doctor.checks.reach import redirected, unreachable
from vestibule.doctor.documents import (
    MOST_BYTES,
    Configuration,
    Statement,
    Unreadable,
    aside,
    discovered,
    read_configuration,
    read_statement,
)
from vestibule.doctor.model import Discovered, Finding, Level, good, look, shown, stops
from vestibule.doctor.ports import Outside
from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.tenancy.model import Vendor

METADATA, SMART = "doctor.metadata", "doctor.smart"
_SECONDS = 6.0
_REDIRECTION = 3  # the hundreds of 301, 302, 303, 307, 308
_MAY_SOFTEN = ("capability-", "answer-")
_OLDEST = date(2018, 11, 1)
_SKEW_LOOK, _SKEW_STOPS = 20, 60  # seconds; launches work up to 60


@dataclass(slots=True)
class Described:
    """Both documents of a base URL, what a person entered in their place, and what was found on the way."""

    url: str
    findings: list[Finding] = field(default_factory=list)
    statement: Statement | None = None
    configuration: Configuration | None = None
    suggested: str = ""
    manual_authorize: str = ""
    manual_token: str = ""

    @property
    def token(self) -> str:
        """Where programs sign in: as the record says, else as a person entered."""
        return self.discovered.token or self.manual_token

    @property
    def discovered(self) -> Discovered:
        """What they say together."""
        return replace(discovered(self.url, self.statement, self.configuration), suggested=self.suggested)


async def describe(outside: Outside, clock: Clock, told: Described, client_id: str = "") -> None:
    """Fetch and judge both documents side by side."""
    base = told.url.rstrip("/")
    epic = {"Epic-Client-ID": client_id} if client_id else {}
    metadata = Ask("GET", f"{base}/metadata", METADATA, {"Accept": "application/fhir+json, application/json", **epic})
    smart = Ask("GET", f"{base}/.well-known/smart-configuration", SMART, {"Accept": "application/json", **epic})
    first, second = await asyncio.gather(_ask(outside, metadata), _ask(outside, smart))
    await _take_metadata(outside, clock, told, first)
    await _take_configuration(told, second)
    _soften(told)
    told.findings += [*_ways(told)]


async def _ask(outside: Outside, ask: Ask) -> Answer | Finding:
    try:
        return await outside.perform(ask, timeout=_SECONDS, max_bytes=MOST_BYTES)
    except VestibuleError as error:
        return unreachable(error)


async def _take_metadata(outside: Outside, clock: Clock, told: Described, answer: Answer | Finding) -> None:
    if isinstance(answer, Finding):
        told.findings.append(answer)
        return
    if answer.status // 100 == _REDIRECTION:
        told.findings.append(await redirected(outside, told.url, answer))
        return
    told.findings.append(clock_finding(answer, clock))
    if not answer.ok:
        told.findings.append(_not_given(answer))
        return
    try:
        told.statement = await aside(read_statement, answer)
    except Unreadable as error:
        told.findings.append(_UNREADABLE[str(error)])
        return
    told.findings += [*_type(answer), *_version(told.statement), *_release(told)]


def _soften(told: Described) -> None:
    """Launches ask smart-configuration first: while that is good, a broken capability statement is only worth a look."""
    if told.configuration is not None and told.configuration.token:
        told.findings[:] = [
            replace(f, level=Level.LOOK) if f.code.startswith(_MAY_SOFTEN) and f.level is Level.STOPS else f for f in told.findings
        ]


async def _take_configuration(told: Described, answer: Answer | Finding) -> None:
    if isinstance(answer, Finding):
        what = f"The record's smart-configuration, which launches ask for first, could not be fetched. {answer.what}"
        told.findings.append(stops("smart-unreached", what, answer.remedy))
        return
    if answer.busy:
        what = f"The record answers with a fault when asked for its smart-configuration (HTTP {answer.status})."
        told.findings.append(look("smart-failing", what, "Try again; if it lasts, ask the record's operator."))
    if not answer.ok:
        return
    try:
        told.configuration = await aside(read_configuration, answer)
    except Unreadable as error:
        if str(error) == "json":
            what = "The record's smart-configuration cannot be read: it is not the JSON it claims to be."
            told.findings.append(stops("smart-unreadable", what, "The record's operator must mend the document."))


_UNREADABLE = {
    "page": stops(
        "capability-page",
        "The address answers with a page for people, perhaps a sign-in page, and not as a FHIR server.",
        "Check that the address is the FHIR base URL, and that no proxy asks programs to sign in.",
    ),
    "xml": stops("capability-xml", "The record answers in XML although JSON was asked for.", "Its operator must switch on JSON."),
    "json": stops(
        "capability-garbled",
        "The record's capability statement cannot be read: it is cut off or not JSON.",
        "Try again; if it lasts, ask the record's operator.",
    ),
    "other": stops(
        "capability-other",
        "The address answers with something other than a capability statement.",
        "Check that the address is the FHIR base URL.",
    ),
}


def _not_given(answer: Answer) -> Finding:
    status = answer.status
    if status in {401, 403}:
        what = f"The record does not show its capability statement to strangers (HTTP {status})."
        return stops("capability-closed", what, "The FHIR standard wants it public: its operator must open [base]/metadata.")
    if answer.busy:
        return stops(
            "capability-failing", f"The record answers with a fault (HTTP {status}).", "Try again later; if it lasts, ask its operator."
        )
    what = f"There is no FHIR server at this address (HTTP {status})."
    return stops("fhir-not-here", what, "Check the path; Epic's ends with the version, for example /api/FHIR/R4.")


def _type(answer: Answer) -> Iterator[Finding]:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "json" not in kind:
        what = f"The capability statement comes as {shown(kind or 'nothing in particular')} and not as FHIR JSON."
        yield look("capability-type", what, "Tell the record's operator; some readers refuse it.")


def _version(statement: Statement) -> Iterator[Finding]:
    version = statement.version
    if version == "DSTU2":
        yield stops("fhir-dstu2", "This is the base URL of FHIR DSTU2; visits need R4.", "Use the R4 base URL of the same record.")
    elif version == "STU3":
        yield look(
            "fhir-stu3",
            "This is the base URL of FHIR STU3; visits are made for R4.",
            "Use the R4 base URL of the same record if it has one.",
        )
    elif version in {"R4", "R4B"}:
        yield good("fhir-version", f"The record speaks FHIR {version}.")
    else:
        what = f"The record does not say a FHIR version that is known here{f' ({version})' if version else ''}."
        yield look("fhir-version-unknown", what, "Visits are made for R4: ask the record's operator.")


def _release(told: Described) -> Iterator[Finding]:
    found = told.discovered
    if found.vendor is Vendor.GENERIC:
        return
    name = shown(" ".join(filter(None, [found.software, found.release])) or found.vendor.value)
    if found.released is None:
        what = f"The record does not say which release it is ({name}). November 2018 is the oldest that works."
        yield look("release-unknown", what, "Ask the record's operator.")
    elif found.released < _OLDEST:
        what = f"The record is older than November 2018 ({name}), the oldest release that works."
        yield look("release-old", what, "The record must be brought up to date first.")
    else:
        yield good("release", f"The record is {name}.")


def clock_finding(answer: Answer, clock: Clock) -> Finding:
    """How far the record's clock and ours are apart."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", ""))
        skew = abs((told.astimezone(UTC) - clock.now()).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return look("clock-unsaid", "The record does not tell its time.", "Make sure that both clocks follow NTP.")
    if skew >= _SKEW_STOPS:
        return stops(
            "clock-wrong", f"The record's clock and ours differ by {skew:.0f} seconds.", "Launches work up to 60: set both clocks by NTP."
        )
    if skew >= _SKEW_LOOK:
        return look(
            "clock-drifts",
            f"The record's clock and ours differ by {skew:.0f} seconds.",
            "Set both clocks by NTP before it is more than 60.",
        )
    return good("clock", f"The record's clock and ours agree ({skew:.0f} seconds).")


def _ways(told: Described) -> Iterator[Finding]:
    """The two ways by which a client finds where to sign in."""
    in_the_way = {finding.code for finding in told.findings if finding.level is Level.STOPS} - {"fhir-dstu2", "clock-wrong"}
    if in_the_way:
        return  # it was said already
    new, old = told.configuration, told.statement
    if new and old and old.token and (old.authorize, old.token) != (new.authorize, new.token):
        what = "The record's two documents name different sign-in addresses: smart-configuration and capability statement."
        yield look("discovery-disagrees", what, "Ask the record's operator which is right; smart-configuration is the one that is used.")
    elif new and new.token:
        yield good("discovery", "The record says where to sign in by smart-configuration.")
    elif old and old.token:
        what = "The record says where to sign in by its capability statement only; it has no smart-configuration."
        yield look("discovery-old-way", what, "Launches work. Ask the record's operator for smart-configuration, which newer rules demand.")
    elif told.manual_authorize and told.manual_token:
        what = "The record does not say where to sign in; the addresses entered by hand are used."
        yield look("discovery-manual", what, "Ask the record's operator for smart-configuration, so that changes are noticed.")
    else:
        what = "The record does not say where to sign in, neither by smart-configuration nor in its capability statement."
        yield stops("discovery-missing", what, "OAuth is not switched on for this base URL, or the addresses must be entered by hand.")
