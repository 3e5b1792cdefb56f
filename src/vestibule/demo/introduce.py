"""Introducing Vestibule and the practice hospital to each other, over HTTP as people would do it by hand."""

from __future__ import annotations

import json
from typing import Any

from vestibule.connections import ConnectionsFile, Described, Organisation, Place, apply_described, tenant_called
from vestibule.errors import BadInput
from vestibule.kit.exchange import Ask
from vestibule.kit.ids import ConnectionId
from vestibule.tenancy.model import ClientAuth, Environment, Vendor
from vestibule.wiring import Parts

ORGANISATION = "Alder Clinic"
_CONNECTION = "Practice hospital"
# The client ids under which the practice hospital's apps are registered.
_PROVIDER, _PATIENT, _BACKEND = "vestibule-provider", "vestibule-patient", "vestibule-backend"


async def introduce(parts: Parts, practice: str) -> None:
    """Register the practice hospital as an EHR connection, departments and all."""
    book = await ask_practice(parts, Ask("GET", f"{practice}/setup", "demo.introduce"))
    described = ConnectionsFile(
        Organisation(ORGANISATION, "555-0134"),
        [Place(one["name"], one["zone"], one["id"]) for one in book["departments"]],
        [
            Described(
                _CONNECTION,
                Vendor.EPIC,
                Environment.TEST,
                f"{practice}/interconnect/api/FHIR/R4",
                frame_ancestors=(practice,),
                provider_client_id=_PROVIDER,
                patient_client_id=_PATIENT,
                backend_client_id=_BACKEND,
                client_auth=ClientAuth.PRIVATE_KEY_JWT,
            )
        ],
    )
    await apply_described(parts, described)


async def jwks_url(parts: Parts) -> str:
    """Where the practice connection's public keys are."""
    tenant = tenant_called(ORGANISATION)
    async with parts.db.tenant(tenant) as tx:
        connection: ConnectionId = next(one.id for one in await parts.tenancy.connections(tx) if one.name == _CONNECTION)
    return f"{parts.settings.origin}/connections/{connection}/jwks.json"


async def tell_practice(parts: Parts, practice: str, operator: str, jwks: str) -> None:
    """Copy our records into the practice hospital, as an analyst would."""
    origin = parts.settings.origin
    back = [f"{origin}/launch/callback"]
    apps = [
        {
            "client_id": one,
            "name": f"Vestibule ({one.removeprefix('vestibule-')})",
            "auth": "private_key_jwt",
            "jwks_url": jwks,
            "redirect_uris": back,
        }
        for one in (_PROVIDER, _PATIENT, _BACKEND)
    ]
    launches = [
        {"key": "provider", "kind": "provider", "url": f"{origin}/launch/provider", "client_id": _PROVIDER},
        {"key": "patient", "kind": "patient", "url": f"{origin}/launch/patient", "client_id": _PATIENT},
    ]
    body = json.dumps({"apps": apps, "launches": launches, "settings": {"operator_url": operator}}).encode()
    await ask_practice(parts, Ask("POST", f"{practice}/setup", "demo.introduce", {"Content-Type": "application/json"}, body))


async def ask_practice(parts: Parts, ask: Ask) -> Any:
    """The practice hospital's answer to a request for its own set-up; anything but 200 ends the demo."""
    answer = await parts.http.perform(ask)
    if answer.status != 200:  # noqa: PLR2004  HTTP's OK
        raise BadInput("demo-setup-refused", f"The practice hospital answered {answer.status}: {answer.body[:200]!r}", phase=ask.phase)
    return answer.json()
