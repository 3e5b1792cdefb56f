"""Who came by a launch: only the right kind of person by the right button, and as what they come into the visit. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from vestibule.errors import NotAllowed
from vestibule.identity.model import Role
from vestibule.launch.model import CONTEXT_PHASE, Context, Known, LaunchKind, short
from vestibule.protocols.smart import FhirUser
from vestibule.visits.model import PersonRole

_STAFF: Final = frozenset({"Practitioner", "PractitionerRole", "Person"})
_PATIENTS: Final = frozenset({"Patient", "RelatedPerson"})


@dataclass(frozen=True, slots=True)
class Who:
    """The person of a launch, as visits and identity want them.

    Attributes:
        person_type: what `person` is: `user` (the record's own user id), else a FHIR type.
        leads: the encounter names them as its provider.
    """

    role: PersonRole
    session: Role
    person: str = field(repr=False)
    person_type: str
    name: str = field(repr=False)
    leads: bool = False


def right_person(kind: LaunchKind, user: FhirUser | None) -> FhirUser:
    """The verified user, if this button is theirs: a patient who opens the clinicians' address stays outside.

    Raises:
        NotAllowed: launch-wrong-person.
    """
    allowed = _STAFF if kind is LaunchKind.PROVIDER else _PATIENTS
    if user is None or user.type not in allowed:
        raise NotAllowed("launch-wrong-person", "The record says that this button is not yours to press.", phase=CONTEXT_PHASE)
    return user


def with_own_patient(context: Context, kind: LaunchKind, user: FhirUser) -> Context:
    """A patient's own launch is about themselves, also where the record does not repeat it."""
    if kind is LaunchKind.PATIENT and not context.patient and user.type == "Patient":
        return replace(context, patient=user.id)
    return context


def who_is(kind: LaunchKind, context: Context, user: FhirUser, known: Known) -> Who:
    """A clinician, the patient, or somebody who comes along with the patient."""
    if kind is LaunchKind.PROVIDER:
        name = short(known.person.name) if known.person else ""
        person, person_type = (context.user, "user") if context.user else (user.id, user.type)
        leads = known.encounter is not None and user.type == "Practitioner" and user.id in known.encounter.participants("Practitioner")
        return Who(PersonRole.PROVIDER, Role.CLINICIAN, person, person_type, name, leads)
    if user.type == "Patient" and user.id == context.patient:
        name = short(known.patient.name) if known.patient else ""
        return Who(PersonRole.PATIENT, Role.PATIENT, user.id, "Patient", name)
    return Who(PersonRole.FAMILY, Role.GUEST, user.id, user.type, "")
