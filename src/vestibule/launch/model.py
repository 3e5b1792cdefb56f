"""A launch as plain data: what the record says about it, read by the names of the vendor's profile. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from vestibule.errors import BadInput, OutsideFailed
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.protocols.fhir import Appointment, Encounter, View, plain
from vestibule.protocols.smart import SmartServer, TokenAnswer
from vestibule.tenancy.model import Connection, Vendor
from vestibule.visits.model import Identifier

LIFETIME: Final = timedelta(minutes=10)
CONTEXT_PHASE: Final = "launch.context"
_MAX_ISS: Final = 2048
_VALUE = re.compile(r"[\x21-\x7e]{1,8192}")  # `launch` is opaque: anything printable
_KNOWN = re.compile(r"[\x20-\x7e]{1,200}")  # a CSN or department id; an unexpanded %MNEMONIC% is none
_UNFILLED: Final = frozenset({"", "NONE"})


class Landing(StrEnum):
    """Where a clinician's launch ends: in the visit, or on the page from which its patient is texted the link."""

    VISIT = ""
    TEXT = "text"


class LaunchKind(StrEnum):
    """Who pressed the button."""

    PROVIDER = "provider"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Pressed:
    """The launch request, of sane form but not yet believed."""

    iss: str
    launch: str = field(repr=False)
    connection: ConnectionId | None = None
    landing: Landing = Landing.VISIT


@dataclass(frozen=True, slots=True)
class Attempt:
    """A launch on its way: what we keep on the server between leaving for the record and coming back.

    Attributes:
        reference: the correlation id a person can read out; the same on every page and log line of this launch.
    """

    id: UUID
    tenant: TenantId
    connection: ConnectionId
    kind: LaunchKind
    reference: str
    expires_at: datetime
    server: SmartServer
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    landing: Landing = Landing.VISIT


@dataclass(frozen=True, slots=True)
class Names:
    """What this connection's launch context calls things: data of the vendor profile (`profile.launch`), empty where it has none.

    Attributes:
        phone: of the patient, where a record sends it with the button that texts them.
        csn_suffix: ends the identifier system of an encounter's CSN.
    """

    csn: str = ""
    conference: str = ""
    department: str = ""
    user: str = ""
    phone: str = ""
    csn_suffix: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What the launch is about.

    Attributes:
        user: who pressed, by the record's own user id; empty where it was not sent.
        phone: of the patient, as the record writes it; empty where it was not sent.
    """

    csn: str = field(default="", repr=False)
    conference: str = field(default="", repr=False)
    encounter: str = field(default="", repr=False)
    appointment: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)
    department: str = ""
    user: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What the record told us of the visit; parts it would not tell are None."""

    patient: View | None = field(default=None, repr=False)
    person: View | None = field(default=None, repr=False)
    encounter: Encounter | None = field(default=None, repr=False)
    appointment: Appointment | None = field(default=None, repr=False)

    @property
    def starts_at(self) -> datetime | None:
        """When the visit begins: the appointment knows better than the encounter."""
        return (self.appointment and self.appointment.starts_at) or (self.encounter and self.encounter.starts_at) or None

    @property
    def ends_at(self) -> datetime | None:
        """When it ends."""
        return (self.appointment and self.appointment.ends_at) or (self.encounter and self.encounter.ends_at) or None

    @property
    def cancelled(self) -> bool:
        """True when the record says that it will not take place."""
        return bool((self.appointment and self.appointment.cancelled) or (self.encounter and self.encounter.cancelled))


_EPIC = Names(
    csn="sessionId",
    conference="conferenceId",
    department="departmentId",
    user="userId",
    phone="patientPhone",
    csn_suffix=".7.3.698084.8",
)
_PROFILES: Final[Mapping[Vendor, Names]] = {Vendor.EPIC: _EPIC}


def pressed(pairs: list[tuple[str, str]]) -> Pressed:
    """Read the query of a launch.

    Raises:
        BadInput: launch-incomplete when `iss` or `launch` is missing, repeated or of impossible form.
    """
    found = {name: value for name, value in pairs if name in {"iss", "launch", "connection", "open"}}
    once = sum(name in found for name, _ in pairs) == len(found)
    iss, launch = found.get("iss", ""), found.get("launch", "")
    if not once or not 0 < len(iss) <= _MAX_ISS or not iss.isprintable() or not _VALUE.fullmatch(launch):
        raise incomplete()
    try:
        hint = ConnectionId(UUID(found["connection"])) if "connection" in found else None
    except ValueError:
        raise incomplete() from None
    landing = Landing.TEXT if found.get("open") == Landing.TEXT else Landing.VISIT
    return Pressed(iss, launch, hint, landing)


def names_of(connection: Connection) -> Names:
    """The vendor's names with the connection's own changes."""
    usual = _PROFILES.get(connection.vendor, _EPIC)
    changes: Any = connection.profile.get("launch", {})
    own = {name: value for name in Names.__slots__ if isinstance(value := changes.get(name), str)} if isinstance(changes, Mapping) else {}
    return Names(**{**{name: getattr(usual, name) for name in Names.__slots__}, **own})


def extra_scopes(connection: Connection) -> list[str]:
    """What this connection asks for beside the usual (`profile.launch.extra_scopes`)."""
    changes: Any = connection.profile.get("launch", {})
    extra = changes.get("extra_scopes", "") if isinstance(changes, Mapping) else ""
    return extra.split() if isinstance(extra, str) else []


def read_context(token: TokenAnswer, names: Names) -> Context:
    """What the token answer itself says. A token the record left unfilled (`%CSN%`, `NONE`) counts as not sent.

    The records of group visits send the conference's id in the CSN's place; it is no CSN, and each patient's own comes with the encounter.
    """
    csn, conference = _filled(token, names.csn), _filled(token, names.conference)
    return Context(
        csn="" if csn == conference else csn,
        conference=conference,
        encounter=_filled(token, "encounter"),
        patient=_filled(token, "patient"),
        department=_filled(token, names.department),
        user=_filled(token, names.user),
        phone=_filled(token, names.phone),
    )


def _filled(token: TokenAnswer, name: str) -> str:
    value = token.context.get(name, "").strip() if name else ""
    if value in _UNFILLED or "%" in value or not _KNOWN.fullmatch(value):
        return ""
    return value


def identifiers(context: Context, connection: ConnectionId) -> list[Identifier]:
    """Every name the visit has by this launch.

    Raises:
        BadInput: launch-no-context when there is none. A patient and a day are not a visit.
    """
    named = {
        "csn": context.csn,
        "conference": context.conference,
        "encounter": context.encounter,
        "appointment": context.appointment,
    }
    found = [Identifier(connection, system, value) for system, value in named.items() if value]
    if not found:
        raise BadInput(
            "launch-no-context", "The record did not say which visit this is. Open the visit from its appointment.", phase=CONTEXT_PHASE
        )
    return found


def check_same_visit(context: Context, encounter: Encounter | None, appointment: Appointment | None, names: Names) -> None:
    """Everything the record says must be about one patient and one visit.

    Raises:
        OutsideFailed: launch-context-mismatch. Better no visit than a visit with somebody else.
    """
    patients = {context.patient} if context.patient else set()
    if encounter is not None and encounter.patient:
        patients.add(encounter.patient)
    listed = appointment.participants("Patient") if appointment is not None else []
    elsewhere = bool(listed) and bool(patients) and not patients & set(listed)
    other_csn = encounter is not None and context.csn and encounter.identifier(names.csn_suffix) not in {"", context.csn}
    if len(patients) > 1 or elsewhere or other_csn:
        raise OutsideFailed(
            "launch-context-mismatch",
            "The record named two different visits. Please open the visit again from its appointment.",
            phase=CONTEXT_PHASE,
            permanent=True,
        )


def with_what_was_read(context: Context, encounter: Encounter | None, names: Names) -> Context:
    """The context with the names that the encounter adds."""
    if encounter is None:
        return context
    return replace(context, csn=context.csn or encounter.identifier(names.csn_suffix), appointment=encounter.appointment)


def short(text: str) -> str:
    """A name for a page: one line, not too long."""
    return plain(text, limit=80)


def incomplete() -> BadInput:
    """What a launch address without the record's own words is answered with."""
    return BadInput("launch-incomplete", "Please open the visit from the record; this address alone is not enough.", phase="launch.start")
