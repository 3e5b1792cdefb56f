"""What the doctor says, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from vestibule.tenancy.model import Vendor


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    LOOK = "look"
    STOPS = "stops"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: good, worth a look, or in the way of visits.
        code: stable, kebab-case.
        what: the cause in plain words; never a secret, never more of a foreign answer than a cleaned error code.
        remedy: what to do; empty when all is well.
    """

    level: Level
    code: str
    what: str
    remedy: str = ""

    @property
    def docs(self) -> str:
        """Where the runbook speaks of it, below `docs/`; empty when all is well."""
        return "" if self.level is Level.GOOD else f"howto/doctor-findings.md#{self.code}"


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a FHIR server says about itself.

    Attributes:
        fhir_version: `R4`, `STU3`, `DSTU2`, `R5`, or empty when it did not say.
        software: the name it gives its software; release, that software's version in its own words.
        released: when that release came out, as far as it can be read.
        suggested: the base URL that works, where it is not the one that was looked at.
        authorize: where people sign in; token, where programs do.
    """

    vendor: Vendor
    fhir_version: str = ""
    software: str = ""
    release: str = ""
    released: date | None = None
    suggested: str = ""
    authorize: str = ""
    token: str = ""


def good(code: str, what: str) -> Finding:
    """All is well."""
    return Finding(Level.GOOD, code, what)


def look(code: str, what: str, remedy: str) -> Finding:
    """Somebody should look at it; visits may work."""
    return Finding(Level.LOOK, code, what, remedy)


def stops(code: str, what: str, remedy: str) -> Finding:
    """Visits cannot work until it is mended."""
    return Finding(Level.STOPS, code, what, remedy)


def worst(findings: Iterable[Finding]) -> Level:
    """The gravest level among them; good when there are none."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.GOOD)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest at the top; among equals the order stays."""
    order = list(Level)
    return sorted(findings, key=lambda finding: -order.index(finding.level))


_MOST_SHOWN = 60


def shown(text: str, most: int = _MOST_SHOWN) -> str:
    """A stranger's text as it may stand in a sentence: printable ASCII, shortened, everything else spelled out."""
    plain = text[: most + 1].encode("ascii", "backslashreplace").decode()
    clean = "".join(c if c.isprintable() and c not in '"<>`' else "?" for c in plain)
    return clean if len(text) <= most and len(clean) <= 2 * most else clean[:most] + "..."
