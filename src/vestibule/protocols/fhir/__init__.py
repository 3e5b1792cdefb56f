"""FHIR (DSTU2, STU3, R4) as plain dicts read through narrow typed views."""

from vestibule.protocols.fhir.names import display_name, plain
from vestibule.protocols.fhir.read import outcome_codes, read
from vestibule.protocols.fhir.views import Appointment, Encounter, View, instant, reference_id

__all__ = ["Appointment", "Encounter", "View", "display_name", "instant", "outcome_codes", "plain", "read", "reference_id"]
