"""An appointment as one SIU message tells it, as plain data. What the message does not say is empty, never guessed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

_PRIVATE = frozenset({"family", "given", "number", "email", "telecoms"})


class _Plain(msgspec.Struct, frozen=True, gc=False):
    """A frozen struct of msgspec, which is made ten times as fast as a dataclass; what is about a person does not show in a log."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in _PRIVATE)
        return f"{type(self).__name__}({shown})"


class Status(StrEnum):
    """FHIR R4 Appointment.status, those that the published v2-to-FHIR mapping gives to SIU events."""

    BOOKED = "booked"
    PENDING = "pending"
    CANCELLED = "cancelled"
    NO_SHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"


class Stamp(_Plain, frozen=True, gc=False):
    """A time as written (HL7 v2 TS and DTM): perhaps without a zone, which the department's then decides.

    Attributes:
        local: as on the wall; naive.
        offset_minutes: from UTC, where the message says it.
        precision: how many digits were given: 4 (year), 6, 8 (day), 10, 12 (minute), 14 (second).
    """

    local: datetime
    offset_minutes: int | None = None
    precision: int = 14


class Coded(_Plain, frozen=True, gc=False):
    """A code with its text and its system (CE, CWE): `399^VIDEO ROOM^L`."""

    code: str = ""
    text: str = ""
    system: str = ""


class Named(_Plain, frozen=True, gc=False):
    """An identifier with the authority that gave it (EI, CX, XCN): `20417^^^ALDER`."""

    id: str = ""
    authority: str = ""
    type: str = ""


class Resource(_Plain, frozen=True, gc=False):
    """What is booked: a service (AIS), a thing or room (AIG), a place (AIL), or a person (AIP).

    Attributes:
        segment: `AIS`, `AIG`, `AIL` or `AIP`.
        id: its id and name.
        kind: its type or role.
    """

    segment: str
    id: Coded
    kind: Coded = Coded()
    family: str = ""
    given: str = ""


class Telecom(_Plain, frozen=True, gc=False):
    """One way to reach the patient (XTN), as written.

    Attributes:
        number: digits, perhaps a leading `+`; what stood in XTN.12, XTN.6 + XTN.7, or XTN.1, in that order.
        use: XTN.2, e.g. `PRN`, `WPN`, `ORN`, `NET`.
        equipment: XTN.3, e.g. `PH`, `CP`, `FX`, `Internet`.
        email: XTN.4, for those that are an address.
        home: True from PID-13, False from PID-14.
    """

    number: str = ""
    use: str = ""
    equipment: str = ""
    email: str = ""
    home: bool = True


class Notice(_Plain, frozen=True, gc=False):
    """What one SIU message says of one appointment.

    Attributes:
        event: the trigger, `S12`.
        sent_at: MSH-7.
        happened_at: EVN-2 where a sender includes it, else None.
        starts, ends: TQ1-7 and TQ1-8, else SCH-11.4 and SCH-11.5, else the earliest of the resources.
        minutes: SCH-9 in the unit SCH-10 says, else the resource's own; None where nobody says.
        placer, filler: SCH-1 and SCH-2.
        visit_number: PV1-19.
        appointment_reason, appointment_type: SCH-7 and SCH-8.
        visit_type: the first service booked, AIS-3: what Epic calls the visit type.
        department: PV1-3.1 as code, PV1-3.4 (facility) as system.
        groups: RGS-3 of each resource group.
        language: PID-15, as written.
        telecoms: PID-13, PID-14, PID-40, in this order.
        family, given: PID-5, of the patient.
        deleted: those of `PID-5`, `PID-13`, `PID-14`, `PID-15`, `PID-40` whose value is to be deleted (`""`): more than not being said.
    """

    event: str
    status: Status
    control_id: str
    sender: str
    facility: str
    version: str
    sent_at: Stamp | None = None
    happened_at: Stamp | None = None
    placer: Named = Named()
    filler: Named = Named()
    visit_number: Named = Named()
    starts: Stamp | None = None
    ends: Stamp | None = None
    minutes: int | None = None
    appointment_type: Coded = Coded()
    appointment_reason: Coded = Coded()
    visit_type: Coded = Coded()
    department: Coded = Coded()
    patient_class: str = ""
    groups: tuple[Coded, ...] = ()
    resources: tuple[Resource, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    language: Coded = Coded()
    family: str = ""
    given: str = ""
    deleted: tuple[str, ...] = ()
