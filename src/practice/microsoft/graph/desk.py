"""The cloud by JSON, for tests and for the demo: what it has made, and what its keepers can do to a subscription."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from practice.hospital import Hospital, hospital

_EVENTS = ("reauthorizationRequired", "subscriptionRemoved", "missed")


def view(house: Hospital) -> dict[str, Any]:
    """Meetings with who is in them, subscriptions, and what never arrived."""
    meetings = [
        {**msgspec.to_builtins(one), "present": [{"id": p.id, "name": p.name, "lobby": p.lobby} for p in house.calls.present(one.id)]}
        for one in house.graph.meetings.values()
    ]
    subscriptions = [{**msgspec.to_builtins(one), "muted": one.id in house.notifier.muted} for one in house.graph.subscriptions.values()]
    return {"meetings": meetings, "subscriptions": subscriptions, "lost": len(house.notifier.lost)}


async def show(request: web.Request) -> web.Response:
    """Everything the cloud has made."""
    return web.json_response(view(hospital(request)))


async def act(request: web.Request) -> web.Response:
    """`{"subscription": id, "lifecycle": event}`, or `{"subscription": id, "muted": true}` to tell it nothing until it is renewed."""
    house = hospital(request)
    try:
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
    except msgspec.DecodeError:
        body = {}
    key = str(body.get("subscription", ""))
    if key not in house.graph.subscriptions:
        return web.json_response({"error": "no such subscription"}, status=404)
    if body.get("lifecycle") in _EVENTS:
        house.notifier.lifecycle(key, body["lifecycle"])
    elif isinstance(body.get("muted"), bool):
        (house.notifier.muted.add if body["muted"] else house.notifier.muted.discard)(key)
    else:
        return web.json_response({"error": f"lifecycle is one of {', '.join(_EVENTS)}; muted is true or false"}, status=400)
    return web.json_response(view(house))


ROUTES = [web.get("/cloud.json", show), web.post("/cloud.json", act)]
