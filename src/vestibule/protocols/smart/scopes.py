"""Scopes in the two spellings of SMART App Launch ("Scopes and Launch Context"): v1 `.read`, v2 `.rs`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from vestibule.protocols.smart.server import SmartServer

# The least that the pages need: whom one is about to join, and when. Nothing clinical.
_PROVIDER: Final = ("user/Practitioner", "user/Patient", "user/Encounter", "user/Appointment")
_PATIENT: Final = ("patient/Patient", "patient/Encounter", "patient/Appointment")


def resource_scope(name: str, *, v2: bool, write: bool = False) -> str:
    """`user/Patient` as a scope for reading and searching, or for creating and updating."""
    if v2:
        return f"{name}.cu" if write else f"{name}.rs"
    return f"{name}.write" if write else f"{name}.read"


def launch_scope(server: SmartServer, *, who: Literal["provider", "patient"], extra: Iterable[str] = ()) -> str:
    """What an EHR launch asks for; `extra` is appended as it stands."""
    names = _PROVIDER if who == "provider" else _PATIENT
    resources = [resource_scope(name, v2=server.scopes_v2) for name in names]
    return " ".join(dict.fromkeys(["launch", "openid", "fhirUser", *resources, *extra]))


def system_scope(server: SmartServer, reads: Iterable[str] = (), writes: Iterable[str] = ()) -> str:
    """What a backend service asks for (SMART App Launch 2.2 "Backend Services": `system/` scopes)."""
    v2 = server.scopes_v2
    read = [resource_scope(f"system/{name}", v2=v2) for name in reads]
    return " ".join([*read, *(resource_scope(f"system/{name}", v2=v2, write=True) for name in writes)])
