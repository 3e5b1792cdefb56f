"""Event Grid deliveries: the validation handshake first, then events in batches, again and again until they are taken."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from practice.carriers.exchange import Exchange
from practice.carriers.hooks import Reply
from practice.carriers.model import AzureResource
from practice.times import instant, stamp

_TRIES = 8
_PATIENCE = 0.05  # seconds for which a batch waits to become full
_NEVER_AGAIN = {400, 403, 413}
_OK = 200


class Grid:
    """The subscriptions of all resources. `states` says of each address how its validation went."""

    def __init__(self, exchange: Exchange, here: Callable[[], str]) -> None:
        self._exchange = exchange
        self._here = here
        self.states: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._held: dict[str, dict[str, Any]] = {}
        self.dropped: list[dict[str, Any]] = []

    def topic(self, resource: AzureResource) -> str:
        """The address of the resource among all of the vendor's."""
        group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/eastmere"
        return f"{group}/providers/microsoft.communication/communicationservices/{resource.name}"

    def event(self, resource: AzureResource, kind: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
        """An event in the Event Grid schema."""
        return {
            "id": data.get("messageId") or str(uuid4()),
            "topic": self.topic(resource),
            "subject": subject,
            "data": data,
            "eventType": kind,
            "dataVersion": "1.0",
            "metadataVersion": "1",
            "eventTime": instant(self._exchange.now()),
        }

    def subscribe_all(self) -> None:
        """Begin the handshake with every endpoint that has not been asked yet, beside whatever goes on."""
        for resource in self._exchange.book.azure_resources:
            if resource.webhook and resource.webhook not in self.states:
                self._exchange.soon(self._shake(resource))

    async def _shake(self, resource: AzureResource) -> None:
        await self.subscribe(resource)

    async def subscribe(self, resource: AzureResource) -> str:
        """The handshake: the endpoint must say the code back, or somebody opens the validation URL. Gives the state."""
        if not resource.webhook or self.states.get(resource.webhook) == "Succeeded":
            return self.states.get(resource.webhook, "")
        code = str(uuid4())
        self._codes[code] = resource.webhook
        self.states[resource.webhook] = "AwaitingManualAction"
        data = {"validationCode": code, "validationUrl": f"{self._here()}/eventGrid/validate?id={code}"}
        event = {**self.event(resource, "Microsoft.EventGrid.SubscriptionValidationEvent", "", data), "dataVersion": "2"}
        reply = await self._post(resource, [event], "SubscriptionValidation", 0)
        if _said_back(reply, code):
            self.states[resource.webhook] = "Succeeded"
        elif not reply.good and self.states[resource.webhook] != "Succeeded":
            self.states[resource.webhook] = "Failed"
        return self.states[resource.webhook]

    def validated(self, code: str) -> bool:
        """Somebody opened a validation URL."""
        url = self._codes.pop(code, "")
        if url:
            self.states[url] = "Succeeded"
        return bool(url)

    async def tell(self, resource: AzureResource, event: dict[str, Any], *, hold: bool = False) -> None:
        """Deliver an event, with others when the subscription takes batches. `hold` lets the next one overtake it."""
        if not resource.webhook:
            return
        if hold and resource.name not in self._held:
            self._held[resource.name] = event
            return
        waiting = self._waiting[resource.name]
        waiting.append(event)
        if resource.name in self._held:
            waiting.append(self._held.pop(resource.name))
        if resource.batch > 1:
            await asyncio.sleep(_PATIENCE)
        while waiting:
            batch = waiting[: resource.batch]
            del waiting[: resource.batch]
            await self._deliver(resource, batch)

    async def _deliver(self, resource: AzureResource, batch: list[dict[str, Any]]) -> None:
        """Until it is taken; a refusal that would stay one is not repeated."""
        pause = resource.retry_seconds
        for count in range(_TRIES):
            if await self.subscribe(resource) == "Succeeded":
                reply = await self._post(resource, batch, "Notification", count)
                if reply.good:
                    return
                if reply.status in _NEVER_AGAIN:
                    break
            await asyncio.sleep(pause)
            pause *= 2
        self.dropped += batch

    async def forge(self, resource: AzureResource, event: dict[str, Any]) -> None:
        """The same address, told by somebody who does not know the static header."""
        if resource.webhook:
            await self._post(resource, [event], "Notification", 0, header_value=secrets.token_hex(8))

    async def _post(self, resource: AzureResource, events: list[dict[str, Any]], kind: str, count: int, *, header_value: str = "") -> Reply:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": kind,
            "aeg-subscription-name": f"{resource.name.upper()}-TEXTS",
            "aeg-delivery-count": str(count),
            "aeg-data-version": events[0]["dataVersion"],
            "aeg-metadata-version": "1",
        }
        if resource.header:
            headers[resource.header] = header_value or resource.header_value
        return await self._exchange.hooks.call("POST", resource.webhook, json.dumps(events).encode(), headers)

    def report(self, resource: AzureResource, data: dict[str, Any]) -> dict[str, Any]:
        """A delivery report."""
        return self.event(resource, "Microsoft.Communication.SMSDeliveryReportReceived", f"/phonenumber/{data['from']}", data)

    def received(self, resource: AzureResource, data: dict[str, Any]) -> dict[str, Any]:
        """A text from a phone."""
        return self.event(resource, "Microsoft.Communication.SMSReceived", f"/phonenumber/{data['to']}", data)

    def stamp(self) -> str:
        """Now, to the millisecond."""
        return stamp(self._exchange.now())


def _said_back(reply: Reply, code: str) -> bool:
    """Whether the answer to a validation event is 200 with the code."""
    try:
        body = json.loads(reply.body)
    except ValueError:
        return False
    return reply.status == _OK and isinstance(body, dict) and str(body.get("validationResponse", "")).lower() == code
