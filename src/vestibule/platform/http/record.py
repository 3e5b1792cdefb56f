"""What is written down about a request: where it went, how it ended, how long it took."""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog

_log = structlog.get_logger()

# A path's own words: letters, and the short version marks and years APIs put there (R4, v1, oauth2, DSTU2, 2015).
_WORD = re.compile(r"[A-Za-z$._~-]{1,40}|(?:R|v|STU|DSTU|oauth|fhir)\d{1,2}|v\d{1,2}\.\d{1,2}|(?:19|20)\d\d", re.ASCII)
# After one of these FHIR types comes an id, whatever it looks like; operations ($...) and _search do not.
_HAS_ID = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "Encounter", "Appointment", "Communication", "Coverage"})
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it may be told to logs and metrics: where, how it ended, how long; never what was in it.

    Attributes:
        path: its shape (`path_shape`), without query.
        status: the answer's, or None when there was none.
        code: of our error, or empty.
    """

    method: str
    origin: str
    path: str
    phase: str
    status: int | None
    code: str
    seconds: float


def write_down(call: Call) -> None:
    """One line in the log."""
    say = _log.warning if call.code else _log.info
    say(
        "outside",
        method=call.method,
        origin=call.origin,
        route=call.path,  # a shape like our own routes; `path` the log withholds, for it may name somebody
        phase=call.phase,
        status=call.status,
        code=call.code or None,
        ms=round(call.seconds * 1000, 1),
    )


def path_shape(path: str) -> str:
    """A path with every part that may be an identifier replaced, and without query: `/R4/Patient/{id}`.

    Only what is known to be a plain word stays; a mistake on this side hides too much, never too little.
    """
    shaped: list[str] = []
    before = ""
    for part in path.partition("?")[0].split("/"):
        names_someone = before in _HAS_ID and not part.startswith(("$", "_"))
        shaped.append(part if not part or (_WORD.fullmatch(part) and not names_someone) else "{id}")
        before = part
    whole = "/".join(shaped)
    return whole if len(whole) <= _LONGEST else whole[:_LONGEST] + "..."
