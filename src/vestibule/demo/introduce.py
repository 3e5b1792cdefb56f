"""Introducing Vestibule and the practice hospital to each other, over HTTP as people would do it by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from vestibule.connections import ConnectionsFile, Described, Organisation, Place, apply_described, tenant_called
from vestibule.errors import BadInput
from vestibule.identity.model import Person, StaffRole
from vestibule.kit.exchange import Ask
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.settings import Settings
from vestibule.tenancy.model import ClientAuth, Environment, Vendor
from vestibule.wiring import Parts

ORGANISATION = "Alder Clinic"
_CONNECTION = "Practice hospital"
# The client ids under which the practice hospital's apps are registered.
_PROVIDER, _PATIENT, _BACKEND = "vestibule-provider", "vestibule-patient", "vestibule-backend"
_SIGN_IN, _SIGN_IN_SECRET = "vestibule-sign-in", "for-practice-only"
# What the people of the practice clinic's directory do here, by their job.
ROLES = {
    "Administrator": [StaffRole.ADMINISTRATOR],
    "EHR analyst, approver": [StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER],
    "Clinician": [StaffRole.CLINICIAN],
    "Auditor": [StaffRole.AUDITOR],
}


def with_sign_in(settings: Settings, practice: str) -> Settings:
    """Staff sign in at the practice hospital's Microsoft-like cloud, and meetings are made there."""
    return replace(
        settings,
        entra_client_id=_SIGN_IN,
        entra_client_secret=_SIGN_IN_SECRET,
        entra_authority=f"{practice}/microsoft/organizations/v2.0",
        graph_url=f"{practice}/graph",
    )


async def introduce(parts: Parts, practice: str) -> None:
    """Register the practice hospital as an EHR connection, departments and all, and the people who may sign in."""
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
    await _let_in(parts, practice, book)


async def _let_in(parts: Parts, practice: str, book: Any) -> None:
    """The people of the practice clinic's directory, as if each had followed an invitation."""
    tenant = tenant_called(ORGANISATION)
    directory = next(one["tid"] for one in book["directories"] if one["name"] == ORGANISATION)
    issuer = f"{practice}/microsoft/{directory}/v2.0"
    async with parts.db.tenant(tenant) as tx:
        if (await parts.members.listing(tx, limit=1)).items:
            return
        for account in book["people_accounts"]:
            roles = ROLES.get(account["job"])
            if account["tid"] == directory and roles:
                invited = await parts.members.invite(tx, email=account["user_name"], name=account["name"], roles=roles, by=SYSTEM)
                person = Person("entra", issuer, account["oid"], account["name"], account["user_name"])
                await parts.members.accept(tx, invited.code, person, SYSTEM)


async def practice_connection(parts: Parts) -> tuple[TenantId, ConnectionId]:
    """The practice clinic's connection."""
    tenant = tenant_called(ORGANISATION)
    async with parts.db.tenant(tenant) as tx:
        return tenant, next(one.id for one in await parts.tenancy.connections(tx) if one.name == _CONNECTION)


async def jwks_url(parts: Parts) -> str:
    """Where the practice connection's public keys are."""
    _, connection = await practice_connection(parts)
    return f"{parts.settings.origin}/connections/{connection}/jwks.json"


async def tell_practice(parts: Parts, practice: str, set_up: str) -> None:
    """Register our sign-in with the practice hospital's Microsoft-like cloud; `set_up` is where a newcomer begins."""
    app = {
        "client_id": _SIGN_IN,
        "name": "Vestibule",
        "secret": _SIGN_IN_SECRET,
        "redirect_uris": [f"{parts.settings.origin}/sign-in/callback"],
    }
    settings = {"portal_url": f"{parts.settings.origin}/sign-in", "set_up_url": set_up}
    await _post(parts, practice, {"sign_in_apps": [app], "settings": settings})


async def hand_over(parts: Parts, practice: str, operator: str) -> None:
    """Copy our records into the practice hospital, as an analyst would."""
    origin, jwks = parts.settings.origin, await jwks_url(parts)
    back = [f"{origin}/launch/callback", f"{origin}/setup/callback"]
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
    await _post(parts, practice, {"apps": apps, "launches": launches, "settings": {"operator_url": operator}})


async def _post(parts: Parts, practice: str, what: object) -> None:
    body = json.dumps(what).encode()
    await ask_practice(parts, Ask("POST", f"{practice}/setup", "demo.introduce", {"Content-Type": "application/json"}, body))


async def ask_practice(parts: Parts, ask: Ask) -> Any:
    """The practice hospital's answer to a request for its own set-up; anything but 200 ends the demo."""
    answer = await parts.http.perform(ask)
    if not answer.ok:
        raise BadInput("demo-setup-refused", f"The practice hospital answered {answer.status}: {answer.body[:200]!r}", phase=ask.phase)
    return answer.json()
