"""The demo's appointments and texts: the practice hospital's interface engine is let in, and its carriers are given something to carry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any
from uuid import UUID

from vestibule.demo.certificate import trust_in
from vestibule.demo.introduce import ask_practice, practice_connection
from vestibule.feed.model import Rule, RuleField
from vestibule.kit.exchange import Ask
from vestibule.messages.carrying import AccountWish
from vestibule.messages.desk.frame import Desk
from vestibule.messages.model import Account, CarrierKind, Channel, Sender, Verification
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Tx
from vestibule.visits.model import Place
from vestibule.wiring import Parts
from vestibule.wiring.message_desk import make_desk

_RULES = (
    Rule(RuleField.RESOURCE, "OFFICE VISIT", virtual=False),
    Rule(RuleField.RESOURCE, "TELEPHONE VISIT", virtual=False),
    Rule(RuleField.RESOURCE, "VIDEO ROOM", place=Place.CLINIC),
    Rule(RuleField.RESOURCE, "VIDEO VISIT*", place=Place.HOME),
)


async def let_appointments_in(parts: Parts, port: int) -> None:
    """Plain MLLP from this machine, as a site inside its own network would have it; once set up it stays as somebody has set it since."""
    tenant, connection = await practice_connection(parts)
    async with parts.db.tenant(tenant) as tx:
        now = await parts.feed_settings.get(tx, connection)
        changes: dict[str, object] = {"plain_port": port} if now.plain_port else {}
        if not now.revision:
            changes = {"enabled": True, "plain_port": port, "networks": ("127.0.0.0/8",), "rules": _RULES}
        await parts.feed_settings.change(tx, connection, changes, revision=now.revision, by=SYSTEM)


async def send_appointments(parts: Parts, practice: str) -> None:
    """Tell the interface engine where to send, by whichever way it is set to."""
    tenant, connection = await practice_connection(parts)
    async with parts.db.tenant(tenant) as tx:
        feed = await parts.feed_settings.get(tx, connection)
    settings = parts.settings
    interface = {
        "on": True,
        "host": "127.0.0.1",
        "port": feed.plain_port or settings.mllp_port,
        "url": f"https://127.0.0.1:{settings.hl7_https_port}/hl7",
        "trust": trust_in(Path(settings.tls_certificate)),
    }
    await _set_up(parts, practice, {"interface": interface})


@dataclass(frozen=True, slots=True)
class _Seeded:
    """An account as the practice hospital's carriers have it, and the number it owns."""

    kind: CarrierKind
    name: str
    user: str
    secret: str
    number: str
    hook_secret: str = ""


# These stand on the practice hospital's own page of its set-up, for whoever wants to enter them by hand.
_ACCOUNTS = (
    _Seeded(CarrierKind.TWILIO, "Twilio-like", "AC5ca1ab1e0000000000000000000000a1", "practice-auth-token", "+18885550100"),
    _Seeded(
        CarrierKind.AZURE,
        "Azure-like",
        "eastmere-texts",
        "cHJhY3RpY2Utb25seS1hY2Nlc3Mta2V5LW9mLWVhc3RtZXJlLXRleHRz",
        "+18665550150",
        "for-practice-events-only",
    ),
)
# Texts go at any hour and close together, so that whoever tries it need not wait for the morning.
_POLICY: dict[str, Any] = {"reminders": (1440, 60, 15), "quiet_from": time(0), "quiet_to": time(0), "gap_minutes": 0}


async def let_texts_out(parts: Parts, practice: str) -> None:
    """Two carriers, the second for when the first fails, a number each, and what is sent; nothing where somebody has set it already."""
    tenant, connection = await practice_connection(parts)
    addresses = (await ask_practice(parts, Ask("GET", f"{practice}/setup", "demo.introduce")))["addresses"]
    desk = make_desk(parts, parts.messages.replan)
    async with parts.db.tenant(tenant) as tx:
        if (await desk.settings.consent(tx)).revision:
            return
        await desk.policies.consent(tx, behalf=True, patients=True, by=SYSTEM)
        numbers = [await _add(tx, desk, one, str(addresses[one.kind.value])) for one in _ACCOUNTS]
        for sender in numbers:
            await desk.carrying.link(tx, sender.id, [connection], by=SYSTEM)
        await desk.policies.set_policy(tx, connection, _POLICY, revision=0, by=SYSTEM)


async def hear_carriers(parts: Parts, practice: str) -> None:
    """Tell the practice hospital's carriers where receipts and answers go, as one does at a carrier's own site."""
    tenant, _ = await practice_connection(parts)
    desk = make_desk(parts, parts.messages.replan)
    async with parts.db.tenant(tenant) as tx:
        kept = {one.account.kind: one.account.id for one in await desk.settings.accounts(tx)}
    body: dict[str, Any] = {"numbers": [], "azure_resources": []}
    for one in _ACCOUNTS:
        if one.kind not in kept:
            continue
        hook = _hook(parts, kept[one.kind])
        if one.kind is CarrierKind.TWILIO:
            body["numbers"].append({"number": one.number, "sms_url": hook})
        else:
            body["azure_resources"].append(
                {"name": one.user, "webhook": hook, "header": "X-Vestibule-Key", "header_value": one.hook_secret}
            )
    await _set_up(parts, practice, body)


async def _add(tx: Tx, desk: Desk, one: _Seeded, endpoint: str) -> Sender:
    wish = AccountWish(one.kind, one.name, endpoint, one.user, one.secret, one.hook_secret)
    account: Account = await desk.carrying.add_account(tx, wish, by=SYSTEM)
    number = Sender(UUID(int=0), account, Channel.SMS, one.number, name=one.name, per_minute=3_000, verification=Verification.VERIFIED)
    return await desk.carrying.add_sender(tx, account.id, number, by=SYSTEM)


def _hook(parts: Parts, account: UUID) -> str:
    return f"{parts.settings.origin}/hooks/{account}"


async def _set_up(parts: Parts, practice: str, what: dict[str, Any]) -> None:
    ask = Ask("POST", f"{practice}/setup", "demo.introduce", {"Content-Type": "application/json"}, json.dumps(what).encode())
    await ask_practice(parts, ask)
