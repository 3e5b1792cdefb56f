"""A small believable hospital to start with: three departments, four practitioners, ten patients, a day of video visits."""

from __future__ import annotations

import hashlib
import random

from practice.microsoft.seed import accounts, directories
from practice.model import (
    Appointment,
    Book,
    ClientApp,
    Department,
    LaunchRecord,
    Patient,
    Practitioner,
)
from practice.times import daytime_zone, instant, machine_zone, seconds

PROVIDER_CLIENT = "4f0c9a52-1d4e-4b0a-9c55-6a1f3e7d0001"
PATIENT_CLIENT = "4f0c9a52-1d4e-4b0a-9c55-6a1f3e7d0002"
BACKEND_CLIENT = "4f0c9a52-1d4e-4b0a-9c55-6a1f3e7d0003"

_MINUTE = 60
_SLOT = 15 * _MINUTE
_EARLY, _LATE = -20 * _MINUTE, 75 * _MINUTE

# login, EMP id, family, given, title, specialty
_PRACTITIONERS = [
    ("rokafor", "19", "Okafor", "Rosa", "MD", "Cardiology"),
    ("jlindqvist", "23", "Lindqvist", "Jonas", "MD", "Family Medicine"),
    ("mtanaka", "31", "Tanaka", "Mei", "NP", "Family Medicine"),
    ("dferreira", "47", "Ferreira", "Daniel", "PsyD", "Behavioral Health"),
    ("dbanerjee", "88", "Banerjee", "Devika", "", "Clinical applications, EHR analyst"),
]
# family, given, born, gender, phone, language, allergies, problems
_PATIENTS = [
    ("Shaw", "Amy", "1984-02-17", "female", "(608) 555-0142", "English", "Penicillin", "Paroxysmal atrial fibrillation; Migraine"),
    ("Brandt", "Theodor", "1951-09-30", "male", "(608) 555-0117", "English", "None known", "Heart failure, NYHA II; Type 2 diabetes"),
    ("Lopez-Vega", "Maria", "1990-11-04", "female", "(608) 555-0163", "Spanish", "Latex", "Hypertension"),
    ("Osei", "Kwame", "1978-05-22", "male", "(608) 555-0128", "English", "None known", "Palpitations"),
    ("Nguyen", "Linh", "2001-07-09", "female", "(608) 555-0185", "Vietnamese", "Sulfa drugs", "Seasonal allergies"),
    ("O'Rourke", "Siobhán", "1969-12-01", "female", "(608) 555-0171", "English", "None known", "Hypothyroidism"),
    ("Haddad", "Yusuf", "1995-03-14", "male", "(608) 555-0109", "Arabic", "Peanuts", "Asthma, mild persistent"),
    ("Kowalczyk", "Zofia", "1943-08-26", "female", "(608) 555-0136", "Polish", "Aspirin", "Osteoarthritis; Hypertension"),
    ("Whitfield", "Marcus", "1987-10-19", "male", "(608) 555-0150", "English", "None known", "Generalized anxiety disorder"),
    ("Iyer", "Priya", "2009-06-02", "female", "(608) 555-0194", "English", "None known", "ADHD, combined type"),
]
# practitioner, patient, department, minutes from now, length, reason
_DAY = [
    (0, 1, 0, -150, 20, "Device check"),
    (0, 3, 0, -60, 20, "New patient, palpitations"),
    (0, 0, 0, 0, 30, "Follow-up, atrial fibrillation"),
    (0, 2, 0, 30, 20, "Blood pressure review"),
    (0, 1, 0, 75, 30, "Heart failure follow-up"),
    (0, 7, 0, 150, 20, "Medication review"),
    (1, 4, 1, -45, 15, "Rash"),
    (1, 5, 1, 15, 20, "Thyroid results"),
    (1, 6, 1, 60, 20, "Asthma action plan"),
    (2, 7, 1, 0, 20, "Joint pain"),
    (2, 2, 1, 90, 15, "Travel vaccines"),
    (3, 8, 2, 0, 50, "Therapy, session 6"),
    (3, 9, 2, 60, 50, "Intake with parent"),
]


def fhir_id(*parts: str) -> str:
    """A stable id that looks like Epic's: `e` and a string of letters nobody should read meaning into."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    dice = random.Random(digest)  # noqa: S311 - names, not secrets
    return "e" + "".join(dice.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", k=22))


def seed(book: Book, now: float) -> None:
    """Fill an empty book."""
    here = machine_zone()
    book.departments = [
        Department(id="10501101", name="EMC Cardiology", zone=here, phone="(608) 555-0101"),
        Department(id="10501102", name="EMC Family Medicine", zone=here, phone="(608) 555-0102"),
        Department(id="10504203", name="Westbridge Behavioral Health", zone=daytime_zone(now, here), phone="(608) 555-0103"),
    ]
    book.practitioners = [
        Practitioner(id=fhir_id("practitioner", login), emp=emp, login=login, family=family, given=given, title=title, specialty=specialty)
        for login, emp, family, given, title, specialty in _PRACTITIONERS
    ]
    book.patients = [_patient(number, *row) for number, row in enumerate(_PATIENTS)]
    book.apps = _apps()
    book.launches = [
        LaunchRecord(key="provider", kind="provider", name="Begin virtual visit (clinician)", client_id=PROVIDER_CLIENT),
        LaunchRecord(key="patient", kind="patient", name="Begin virtual visit (patient)", client_id=PATIENT_CLIENT),
    ]
    book.directories, book.people_accounts = directories(), accounts()
    spread(book, now)


def _patient(
    number: int, family: str, given: str, born: str, gender: str, phone: str, language: str, allergies: str, problems: str
) -> Patient:
    ascii_name = given.lower().replace("á", "a")
    return Patient(
        id=fhir_id("patient", family, given),
        ept=f"Z{4575 + number * 7}",
        wpr=str(880 + number),
        mrn=f"E{40021 + number * 13}",
        family=family,
        given=given,
        birth_date=born,
        gender=gender,  # type: ignore[arg-type]  # the table above holds only allowed words
        phone=phone,
        email=f"{ascii_name}@example.org",
        language=language,
        allergies=allergies,
        problems=problems,
    )


def _apps() -> list[ClientApp]:
    return [
        ClientApp(client_id=PROVIDER_CLIENT, name="Virtual visits, clinicians", status_api=False),
        ClientApp(client_id=PATIENT_CLIENT, name="Virtual visits, patients", status_api=False),
        ClientApp(client_id=BACKEND_CLIENT, name="Virtual visits, background"),
    ]


def new_appointment(book: Book, *, patient: str, practitioner: str, department: str, start: str) -> Appointment:
    """An appointment with fresh numbers, not yet in the book."""
    csn = book.take_number()
    return Appointment(
        id=fhir_id("appointment", csn),
        csn=csn,
        conference=f"70{csn}",
        encounter=fhir_id("encounter", csn),
        patient=patient,
        practitioner=practitioner,
        department=department,
        start=start,
    )


def spread(book: Book, now: float) -> None:
    """Give the seeded people a day of visits round this moment."""
    base = now - now % _SLOT
    for who, whom, where, offset, minutes, reason in _DAY:
        if who >= len(book.practitioners) or whom >= len(book.patients) or where >= len(book.departments):
            continue
        made = new_appointment(
            book,
            patient=book.patients[whom].id,
            practitioner=book.practitioners[who].id,
            department=book.departments[where].id,
            start=instant(base + offset * _MINUTE),
        )
        made.minutes, made.reason = minutes, reason
        made.status = "fulfilled" if offset + minutes < -_SLOT / _MINUTE else "booked"
        book.appointments.append(made)


def launchable(book: Book, now: float) -> bool:
    """Whether any visit could be begun about now."""
    return any(a.status in {"booked", "arrived"} and _EARLY <= seconds(a.start) - now <= _LATE for a in book.appointments)


def hostile(book: Book, now: float) -> Appointment:
    """A patient whose every text tries to break out of the page, with a visit now."""
    name = "<script>alert('name')</script>"
    patient = Patient(
        id=fhir_id("patient", "hostile"),
        ept="Z666",
        wpr="666",
        mrn="E666",
        family=name,
        given='"><img src=x onerror=alert(1)>',
        phone="javascript:alert(1)",
        email="'; drop table patients; --@example.org",
        problems="{{ 7 * 7 }} ${7*7} \u202egnol\u202c",
        allergies="&lt;b&gt;\u2028",
    )
    if not book.patient(patient.id):
        book.patients.append(patient)
    made = new_appointment(
        book,
        patient=patient.id,
        practitioner=book.practitioners[0].id,
        department=book.departments[0].id,
        start=instant(now - now % _SLOT),
    )
    made.reason = name
    book.appointments.append(made)
    return made
