"""The demo's Microsoft Teams: connected, so that one click of an administrator takes new visits there.

What a Microsoft 365 administrator would do by hand is done at the practice Microsoft cloud: our application with the certificate that
proves us, its permissions with consent, and the policy that lets it make meetings for everybody.
"""

from __future__ import annotations

import json
from base64 import b64encode

from vestibule.connections import tenant_called
from vestibule.demo.introduce import ORGANISATION, ask_practice
from vestibule.doctor.model import Level
from vestibule.kit.exchange import Ask
from vestibule.meetings.keys import KeyPurpose
from vestibule.platform.audit import SYSTEM
from vestibule.wiring import Parts

_CLIENT = "5c9e2a14-7d3b-4f60-8b1c-9a2e6d4f7b30"
_CALLBACK = "/meetings/teams/callback"
_PERMISSIONS = (
    "CallRecords.Read.All",
    "OnlineMeetingArtifact.Read.All",
    "OnlineMeetings.ReadWrite.All",
    "User.Read.All",
    "VirtualAppointment.Read.All",
)


async def connect_teams(parts: Parts, practice: str) -> None:
    """Enter the directory and our application in it; nothing where somebody has set it already."""
    tenant, directory = tenant_called(ORGANISATION), await _directory(parts, practice)
    await parts.meetings.keys.ensure(parts.db, tenant, KeyPurpose.APP)
    async with parts.db.tenant(tenant) as tx:
        now = await parts.meetings.settings.get(tx)
        if not now.revision:
            changes = {"directory": directory, "client_id": _CLIENT}
            await parts.meetings.settings.save(tx, changes, revision=0, by=SYSTEM)


async def register_with_microsoft(parts: Parts, practice: str) -> None:
    """Register the application at the practice Microsoft cloud, with our certificate, and grant it what it needs."""
    tenant, directory = tenant_called(ORGANISATION), await _directory(parts, practice)
    async with parts.db.tenant(tenant) as tx:
        key = await parts.meetings.keys.app(tx)
    app = {
        "client_id": _CLIENT,
        "name": "Vestibule, video visits",
        "redirect_uris": [parts.settings.origin + _CALLBACK],
        "audience": "AzureADMyOrg",
        "home": directory,
        "certificates": [b64encode(key.certificate).decode()] if key else [],
        "permissions": list(_PERMISSIONS),
        "consented": [directory],
    }
    policy = {"name": "Vestibule", "tid": directory, "app_ids": [_CLIENT], "everyone": True}
    body = json.dumps({"sign_in_apps": [app], "access_policies": [policy]}).encode()
    await ask_practice(parts, Ask("POST", f"{practice}/setup", "demo.introduce", {"Content-Type": "application/json"}, body))


async def prove_teams(parts: Parts) -> None:
    """Test the connection, as an administrator would before the first visit; nothing where it was tested since it was changed."""
    tenant = tenant_called(ORGANISATION)
    async with parts.db.tenant(tenant) as tx:
        looked_at = await parts.meetings.settings.get(tx)
    if looked_at.tested_at is not None or looked_at.client_id != _CLIENT:
        return
    found = await parts.doctor.meetings(tenant)
    code = next((one.code for one in found if one.level is Level.STOPS), "")
    async with parts.db.tenant(tenant) as tx:
        await parts.meetings.settings.tested(tx, looked_at, code, by=SYSTEM)


async def _directory(parts: Parts, practice: str) -> str:
    """The practice clinic's Microsoft 365."""
    book = await ask_practice(parts, Ask("GET", f"{practice}/setup", "demo.introduce"))
    return next(str(one["tid"]) for one in book["directories"] if one["name"] == ORGANISATION)
