"""An appointment as one SIU message tells it, as plain data. What the message does not say is empty, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """FHIR R4 Appointment.status, those that the published v2-to-FHIR mapping gives to SIU events."""

    BOOKED = "booked"
    PENDING = "pending"
    CANCELLED = "cancelled"
    NO_SHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as written (HL7 v2 TS and DTM): perhaps without a zone, which the department's then decides.

    Attributes:
        local: as on the wall; naive.
        offset_minutes: from UTC, where the message says it.
        precision: how many digits were given: 4 (year), 6, 8 (day), 10, 12 (minute), 14 (second).
    """

    local: datetime
    offset_minutes: int | None = None
    precision: int = 14


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with its text and its system (CE, CWE): `399^VIDEO ROOM^L`."""

    code: str = ""
    text: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier with the authority that gave it (EI, CX, XCN): `20417^^^ALDER`."""

    id: str = ""
    authority: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is booked: a service (AIS), a thing or room (AIG), a place (AIL), or a person (AIP).

    Attributes:
        segment: `AIS`, `AIG`, `AIL` or `AIP`.
        id: its id and name.
        kind: its type or role.
    """

    segment: str
    id: Coded
    kind: Coded = field(default_factory=Coded)
    family: str = field(default="", repr=False)
    given: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Telecom:
    """One way to reach the patient (XTN), as written.

    Attributes:
        number: digits, perhaps a leading `+`; what stood in XTN.12, XTN.6 + XTN.7, or XTN.1, in that order.
        use: XTN.2, e.g. `PRN`, `WPN`, `ORN`, `NET`.
        equipment: XTN.3, e.g. `PH`, `CP`, `FX`, `Internet`.
        email: XTN.4, for those that are an address.
        home: True from PID-13, False from PID-14.
    """

    number: str = field(default="", repr=False)
    use: str = ""
    equipment: str = ""
    email: str = field(default="", repr=False)
    home: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """What one SIU message says of one appointment.

    Attributes:
        event: the trigger, `S12`.
        sent_at: MSH-7.
        happened_at: EVN-2 where a sender includes it, else None.
        starts, ends: TQ1-7 and TQ1-8, else SCH-11.4 and SCH-11.5, else the earliest of the resources.
        minutes: SCH-9 in the unit SCH-10 says, else the resource's own; None where nobody says.
        visit_number: PV1-19.
        department: PV1-3.1 as code, PV1-3.4 (facility) as system.
        groups: RGS-3 of each resource group.
        language: PID-15, as written.
        family, given: PID-5, of the patient.
    """

    event: str
    status: Status
    control_id: str
    sender: str
    facility: str
    version: str
    sent_at: Stamp | None = None
    happened_at: Stamp | None = None
    placer: Named = field(default_factory=Named)
    filler: Named = field(default_factory=Named)
    visit_number: Named = field(default_factory=Named)
    starts: Stamp | None = None
    ends: Stamp | None = None
    minutes: int | None = None
    appointment_type: Coded = field(default_factory=Coded)
    appointment_reason: Coded = field(default_factory=Coded)
    visit_type: Coded = field(default_factory=Coded)
    department: Coded = field(default_factory=Coded)
    patient_class: str = ""
    groups: tuple[Coded, ...] = ()
    resources: tuple[Resource, ...] = ()
    telecoms: tuple[Telecom, ...] = field(default=(), repr=False)
    language: Coded = field(default_factory=Coded)
    family: str = field(default="", repr=False)
    given: str = field(default="", repr=False)
