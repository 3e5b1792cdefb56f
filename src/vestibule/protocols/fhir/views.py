"""Narrow, typed views over FHIR resources as plain dicts: only what the product reads, nothing assumed present or of the right type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vestibule.protocols.fhir.names import display_name, plain

ID = re.compile(r"[A-Za-z0-9.-]{1,128}")  # the standard says 64; Epic's are longer
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_CANCELLED: Final = frozenset({"cancelled", "entered-in-error", "noshow"})


def instant(value: object) -> datetime | None:
    """A dateTime with its offset; a date alone says no time, and is None."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None


def reference_id(value: object, kind: str) -> str:
    """The id in a reference to a `kind`, relative or absolute; empty when it is something else."""
    text = value.get("reference") if isinstance(value, Mapping) else None
    match = re.search(rf"(?:^|/){kind}/({ID.pattern})(?:/_history/{ID.pattern})?$", text) if isinstance(text, str) else None
    return match[1] if match else ""


def dicts(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects in a list; nothing for anything else."""
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


@dataclass(frozen=True, slots=True)
class View:
    """A resource and its common parts."""

    raw: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The logical id, or empty."""
        value = self.raw.get("id")
        return value if isinstance(value, str) and ID.fullmatch(value) else ""

    @property
    def name(self) -> str:
        """The display name of a person; empty for other things."""
        return display_name(self.raw.get("name"))

    @property
    def status(self) -> str:
        """The status code, or empty."""
        return plain(self.raw.get("status"), limit=40)

    def identifier(self, suffix: str) -> str:
        """The value of the identifier whose system ends in `suffix` (Epic's CSN: `.7.3.698084.8`); empty when none or several."""
        found = {i.get("value") for i in dicts(self.raw.get("identifier")) if suffix and str(i.get("system", "")).endswith(suffix)}
        value = found.pop() if len(found) == 1 else ""
        return plain(value, limit=200)


@dataclass(frozen=True, slots=True)
class Appointment(View):
    """An appointment's time and people."""

    @property
    def starts_at(self) -> datetime | None:
        """When it begins, if it says so."""
        return instant(self.raw.get("start"))

    @property
    def ends_at(self) -> datetime | None:
        """When it ends, if it says so."""
        return instant(self.raw.get("end"))

    @property
    def cancelled(self) -> bool:
        """True when it will not take place; entered-in-error counts."""
        return self.status in _CANCELLED

    def participants(self, kind: str) -> list[str]:
        """The ids of its participants of one kind: Patient, Practitioner, Location."""
        return [i for p in dicts(self.raw.get("participant")) if (i := reference_id(p.get("actor"), kind))]


@dataclass(frozen=True, slots=True)
class Encounter(View):
    """An encounter's time, place and people."""

    @property
    def starts_at(self) -> datetime | None:
        """When it begins, if it says so."""
        return instant(self._period().get("start"))

    @property
    def ends_at(self) -> datetime | None:
        """When it ends, if it says so."""
        return instant(self._period().get("end"))

    @property
    def cancelled(self) -> bool:
        """True when it will not take place; entered-in-error counts."""
        return self.status in _CANCELLED

    @property
    def patient(self) -> str:
        """The id of its subject (`patient` in DSTU2)."""
        return reference_id(self.raw.get("subject", self.raw.get("patient")), "Patient")

    @property
    def appointment(self) -> str:
        """The id of the appointment it fulfils; R4 has a list, STU3 one."""
        value = self.raw.get("appointment")
        return next((i for r in (value if isinstance(value, list) else [value]) if (i := reference_id(r, "Appointment"))), "")

    @property
    def locations(self) -> list[str]:
        """The ids of its locations."""
        return [i for entry in dicts(self.raw.get("location")) if (i := reference_id(entry.get("location"), "Location"))]

    @property
    def department(self) -> str:
        """The id of the organisation unit that provides it."""
        return reference_id(self.raw.get("serviceProvider"), "Organization")

    def participants(self, kind: str) -> list[str]:
        """The ids of its participants of one kind."""
        return [i for p in dicts(self.raw.get("participant")) if (i := reference_id(p.get("individual"), kind))]

    def _period(self) -> Mapping[str, Any]:
        period = self.raw.get("period")
        return period if isinstance(period, Mapping) else {}
