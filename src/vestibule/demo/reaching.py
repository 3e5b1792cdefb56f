"""The demo's appointments: the practice hospital's interface engine is let in, and told where to send."""

from __future__ import annotations

import json
from pathlib import Path

from vestibule.demo.certificate import trust_in
from vestibule.demo.introduce import ask_practice, practice_connection
from vestibule.feed.model import Rule, RuleField
from vestibule.kit.exchange import Ask
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import Place
from vestibule.wiring import Parts

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
    body = json.dumps({"interface": interface}).encode()
    await ask_practice(parts, Ask("POST", f"{practice}/setup", "demo.introduce", {"Content-Type": "application/json"}, body))
