"""What the carriers took and what phones showed, as JSON: the judge of tests."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from practice.hospital import Hospital, hospital

_LONGEST_WAIT = 60


def view(house: Hospital) -> dict[str, Any]:
    """Every text in the order of its acceptance, every mail, who has opted out, and how fast texts came."""
    exchange = house.exchange
    rows = [
        {**msgspec.to_builtins(text), "phone": text.phone, "number": text.number, "was_shown": bool(text.shown)}
        for text in exchange.journal.texts.values()
    ]
    return {
        "version": exchange.journal.version,
        "texts": rows,
        "mails": msgspec.to_builtins(house.mailbox.mails),
        "opted_out": sorted([number, phone] for number, phone in exchange.journal.opted_out),
        "rates": exchange.journal.rates(),
        "events_dropped": len(house.grid.dropped),
        "subscriptions": house.grid.states,
    }


async def get_ledger(request: web.Request) -> web.Response:
    """`?phone=%2B1206...` for one phone's; `&version=7&wait=10` as soon as it is another version, or after so many seconds."""
    house, query = hospital(request), request.query
    try:
        version, wait = int(query.get("version", "-1")), int(query.get("wait", "0"))
    except ValueError:
        return web.json_response({"error": "version and wait are whole numbers"}, status=400)
    if wait > 0:
        await house.exchange.journal.wait(version, min(wait, _LONGEST_WAIT))
    seen = view(house)
    if query.get("phone"):
        seen["texts"] = [row for row in seen["texts"] if row["phone"] == query["phone"]]
    return web.json_response(seen)


ROUTES = [web.get("/carriers/ledger", get_ledger)]
