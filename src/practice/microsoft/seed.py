"""Who can sign in at first: the people of two organisations, a guest of one in the other, and somebody with an account of their own."""

from __future__ import annotations

from practice.model import PERSONAL, Account, Directory

ALDER = "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01"
BIRCH = "0b17c4d9-8e61-4a37-b2f5-91d06c3e7b02"

# oid, directory, name, user name, job. Mei Tanaka sees patients of the practice hospital and has her account in the other organisation.
_PEOPLE = [
    ("5f1c2a70-0001-4c1e-8a55-2d7b9e3f0a01", ALDER, "Ingrid Solheim", "ingrid.solheim@alder.example", "Administrator"),
    ("5f1c2a70-0002-4c1e-8a55-2d7b9e3f0a02", ALDER, "Devika Banerjee", "devika.banerjee@alder.example", "EHR analyst, approver"),
    ("5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03", ALDER, "Rosa Okafor", "rosa.okafor@alder.example", "Clinician"),
    ("5f1c2a70-0004-4c1e-8a55-2d7b9e3f0a04", ALDER, "Lena Fischer", "lena.fischer@alder.example", "Auditor"),
    ("5f1c2a70-0005-4c1e-8a55-2d7b9e3f0a05", ALDER, "Jonas Lindqvist", "jonas.lindqvist@alder.example", "Physician"),
    ("5f1c2a70-0006-4c1e-8a55-2d7b9e3f0a06", ALDER, "Daniel Ferreira", "daniel.ferreira@alder.example", "Psychologist"),
    ("7e3d9b10-0001-4d2f-9b66-4e8c1f5a0b01", BIRCH, "Tomás Rivera", "tomas.rivera@birch.example", "Administrator"),
    ("7e3d9b10-0002-4d2f-9b66-4e8c1f5a0b02", BIRCH, "Noor Qureshi", "noor.qureshi@birch.example", "EHR analyst, approver"),
    ("7e3d9b10-0003-4d2f-9b66-4e8c1f5a0b03", BIRCH, "Mei Tanaka", "mei.tanaka@birch.example", "Clinician"),
    ("7e3d9b10-0004-4d2f-9b66-4e8c1f5a0b04", BIRCH, "Olu Adeyemi", "olu.adeyemi@birch.example", "Auditor"),
]


def directories() -> list[Directory]:
    """Two organisations."""
    return [
        Directory(tid=ALDER, name="Alder Clinic", domain="alder.example"),
        Directory(tid=BIRCH, name="Birch Hospital Group", domain="birch.example"),
    ]


def accounts() -> list[Account]:
    """An administrator, an EHR analyst, clinicians and an auditor; one without a licence for Teams; a guest; a personal account."""
    staff = [Account(oid=oid, tid=tid, name=name, user_name=user, email=user, job=job) for oid, tid, name, user, job in _PEOPLE]
    next(one for one in staff if one.name == "Daniel Ferreira").licences = []
    guest = Account(
        oid="7e3d9b10-0005-4d2f-9b66-4e8c1f5a0b05",
        tid=BIRCH,
        name="Piotr Zielinski",
        user_name="piotr.zielinski@birch.example",
        email="piotr.zielinski@birch.example",
        job="Integration engineer",
        guest_in=[ALDER],
    )
    own = Account(
        oid="00000000-0000-0000-66f3-3332eca7ea81",
        tid=PERSONAL,
        name="Sam Doyle",
        user_name="sam.doyle@outlook.example",
        email="sam.doyle@outlook.example",
        job="Personal account",
    )
    return [*staff, guest, own]
