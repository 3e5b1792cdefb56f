"""Things for tests of the doctor: a connection, a register that remembers, and a doctor that may call loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from vestibule.doctor.model import Finding
from vestibule.doctor.ports import Kept, Neighbour
from vestibule.doctor.service import Doctor
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.http import Http
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import ConnectionKey


@dataclass
class Shelf:
    """The port `Register`, from memory."""

    keys: Sequence[ConnectionKey] = ()
    neighbours: Sequence[Neighbour] = field(default_factory=list)

    async def kept(self, connection: Connection) -> Kept:
        return Kept(tuple(self.keys), tuple(self.neighbours))


def connected(**changes: Any) -> Connection:
    """A connection with everything entered as it should be."""
    usual: dict[str, Any] = {
        "id": ConnectionId(new_id()),
        "tenant": TenantId(new_id()),
        "name": "Alder test",
        "vendor": Vendor.EPIC,
        "environment": Environment.TEST,
        "iss": "https://ehr.alder.example/api/FHIR/R4",
        "frame_ancestors": ("https://ehr.alder.example",),
        "provider_client_id": "provider-app",
        "patient_client_id": "patient-app",
        "backend_client_id": "backend-app",
    }
    return Connection(**{**usual, **changes})


@asynccontextmanager
async def doctor(
    *, origin: str = "http://127.0.0.1:1", shelf: Shelf | None = None, clock: Clock | None = None, seconds: float = 20, **door: Any
) -> AsyncIterator[Doctor]:
    """A doctor with a door of its own; by default the door lets calls to this machine out."""
    clock = clock or SystemClock()
    http = Http(clock=clock, **{"allow_loopback_http": True, **door})
    loopback = bool(door.get("allow_loopback_http", True))
    try:
        yield Doctor(outside=http, register=shelf or Shelf(), clock=clock, origin=origin, loopback_http=loopback, seconds=seconds)
    finally:
        await http.close()


def codes(findings: Sequence[Finding]) -> list[str]:
    """The codes, in order."""
    return [finding.code for finding in findings]


def told(findings: Sequence[Finding], code: str) -> Finding:
    """The finding of that code."""
    return next(finding for finding in findings if finding.code == code)
