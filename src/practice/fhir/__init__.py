"""The hospital's FHIR R4 server: Patient, Practitioner, Appointment, Encounter, read and search."""
