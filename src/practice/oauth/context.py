"""The CONTEXT string of a launch record: `sessionId=%CSN%&departmentId=%PERFDEPID;;; ; ;;NONE;%` becomes members of the token answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from practice.model import Appointment, Book, Patient, Practitioner
from practice.oauth.grants import Context

_MNEMONIC = re.compile(r"%([A-Z0-9]+)((?:;[^%]*)?)%")
RESERVED = frozenset({"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token", "patient", "encounter"})


def expand(template: str, values: Mapping[str, str]) -> dict[str, str]:
    """The members that a CONTEXT string gives. A mnemonic nobody knows, or without a value, becomes its fallback, else nothing."""

    def value(match: re.Match[str]) -> str:
        name, rest = match[1], match[2]
        known = values.get(f"{name}{rest}") or values.get(name, "")
        fallback = [part for part in rest.split(";") if part.strip()] if name != "EXTENSION" else []
        return known or (fallback[-1] if fallback else "")

    pairs = (part.partition("=") for part in template.split("&") if "=" in part)
    return {key.strip(): _MNEMONIC.sub(value, text) for key, _, text in pairs if key.strip() and key.strip() not in RESERVED}


def values(book: Book, context: Context) -> dict[str, str]:
    """What each mnemonic stands for in a launch."""
    appointment = book.appointment(context.appointment) if context.appointment else None
    patient = book.patient(context.patient) if context.patient else None
    user = context.user
    practitioner = book.practitioner(user.id) if user and user.kind == "Practitioner" else None
    account = book.patient(user.id) if user and user.kind == "Patient" else None
    return {**_of_visit(appointment), **_of_patient(patient), **_of_user(practitioner, account)}


def _of_visit(appointment: Appointment | None) -> dict[str, str]:
    if appointment is None:
        return {}
    return {
        "CSN": appointment.csn,
        "CONFERENCEID": appointment.conference,
        "PERFDEPID": appointment.department,
        "LOGINDEPTID": appointment.department,
        "EXTENSION;15354": appointment.start,
    }


def _of_patient(patient: Patient | None) -> dict[str, str]:
    if patient is None:
        return {}
    return {"EPTID": patient.ept, "DOB": patient.birth_date, "PATFHIRID": patient.id, "PATMOBILE": patient.phone}


def _of_user(practitioner: Practitioner | None, account: Patient | None) -> dict[str, str]:
    if practitioner is not None:
        return {
            "EPICUSERID": practitioner.emp,
            "SYSLOGIN": practitioner.login,
            "USERPROVFHIRID": practitioner.id,
            "USERFNAME": practitioner.given,
            "USERLNAME": practitioner.family,
        }
    if account is not None:
        return {"EPICUSERID": account.wpr, "SYSLOGIN": account.wpr, "USERFNAME": account.given, "USERLNAME": account.family}
    return {}
