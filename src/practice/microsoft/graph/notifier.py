"""Telling subscribers what happens in a meeting, sealed and proved, again until it is taken; and what concerns a subscription itself.

An endpoint is told in order, one delivery after another. What is on its way is forgotten at a restart, and lost then.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote
from uuid import uuid4

import msgspec

from practice.beside import Beside
from practice.carriers.hooks import Hooks, Reply
from practice.ledger import Ledger
from practice.microsoft.graph import payloads
from practice.microsoft.graph.model import CloudManners, NoticeFault, Subscription
from practice.microsoft.graph.sealing import seal, token_claims
from practice.microsoft.graph.shelf import Shelf
from practice.microsoft.keys import SignInKeys
from practice.teams.model import Happening

KIND: Final = "notice"
_TRIES: Final = 12
_LONGEST_PAUSE: Final = 60.0
_PATIENCE: Final = 0.2
_OK: Final = 200
_SIGNING_FAULTS: Final = {"unsigned": "unsigned", "signature": "signature"}


class Told(Protocol):
    """What the notifier reads of the hospital's book."""

    cloud: CloudManners


@dataclass(frozen=True)
class Notice:
    """One item on its way, and whose it is."""

    app_id: str
    tid: str
    item: dict[str, Any]


class Notifier:
    """Every subscriber's notifications."""

    def __init__(self, shelf: Shelf, ledger: Ledger, keys: SignInKeys, hooks: Hooks, book: Callable[[], Told]) -> None:
        self._shelf, self._ledger, self._keys, self._hooks, self._book = shelf, ledger, keys, hooks, book
        self._waiting: dict[str, list[Notice]] = defaultdict(list)
        self._held: dict[str, Notice] = {}
        self._working: set[str] = set()
        self._beside = Beside()
        self.muted: set[str] = set()
        self.lost: list[Notice] = []

    @property
    def _manners(self) -> CloudManners:
        return self._book().cloud

    # ------------------------------------------------------------------ what happens in a meeting

    def happened(self, happening: Happening) -> None:
        """Tell everybody who subscribed to this meeting."""
        meeting = self._shelf.meeting(happening.meeting)
        if meeting is None:
            return
        said = payloads.payload(meeting, happening, self._manners.generation)
        if said is None:
            return
        for subscription in self._shelf.subscribed(meeting.thread):
            if subscription.id not in self.muted and self._manners.trick != "drop":
                resource = payloads.where(meeting, self._manners.generation)
                self._queue(subscription, self._notice(subscription, resource, said))

    def _notice(self, subscription: Subscription, resource: str, said: dict[str, Any]) -> Notice:
        fault = self._manners.notice_fault
        sealed = seal(said, subscription.certificate, subscription.certificate_id, fault=fault)
        state = secrets.token_urlsafe(16) if fault == "client-state" else subscription.client_state
        return Notice(subscription.app_id, subscription.tid, payloads.item(subscription, resource, said["id"], sealed, state))

    def _queue(self, subscription: Subscription, notice: Notice) -> None:
        """As the manners' trick has it: twice, or after the next one."""
        url, trick = subscription.url, self._manners.trick
        if trick == "reorder" and url not in self._held:
            self._held[url] = notice
            self._beside.start(self._release(url))
            return
        self._waiting[url] += [notice, notice] if trick == "duplicate" else [notice]
        if url in self._held:
            self._waiting[url].append(self._held.pop(url))
        self._begin(url)

    async def _release(self, url: str) -> None:
        """What waits for a next one that does not come leaves in the end."""
        await asyncio.sleep(max(self._manners.retry_seconds, _PATIENCE))
        if url in self._held:
            self._waiting[url].append(self._held.pop(url))
            self._begin(url)

    def _begin(self, url: str) -> None:
        if url not in self._working:
            self._working.add(url)
            self._beside.start(self._work(url))

    async def _work(self, url: str) -> None:
        try:
            while waiting := self._waiting[url]:
                batch = waiting[: self._manners.batch]
                del waiting[: len(batch)]
                await self._deliver(url, batch)
        finally:
            self._working.discard(url)

    async def _deliver(self, url: str, batch: list[Notice]) -> None:
        """Until it is taken; after many tries it is lost, and its subscribers are told that they missed something."""
        body = self.body(batch, fault=self._manners.notice_fault)
        pause = self._manners.retry_seconds
        for count in range(_TRIES):
            reply = await self._post(url, body)
            self._enter(batch, reply, count)
            if reply.good:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self.lost += batch
        for key in dict.fromkeys(notice.item["subscriptionId"] for notice in batch):
            self.lifecycle(key, "missed")

    def body(self, batch: list[Notice], *, fault: NoticeFault = "none") -> bytes:
        """A delivery: the items, and a validation token for each app and directory among them."""
        said: dict[str, Any] = {"value": [notice.item for notice in batch]}
        if fault != "no-token":
            pairs = dict.fromkeys((notice.app_id, notice.tid) for notice in batch)
            said["validationTokens"] = [
                self._keys.sign(token_claims(app, tid, self._shelf.now(), fault=fault), fault=_SIGNING_FAULTS.get(fault, "none"))
                for app, tid in pairs
            ]
        return msgspec.json.encode(said)

    def _enter(self, batch: list[Notice], reply: Reply, count: int) -> None:
        items = [{"subscription": one.item["subscriptionId"], "event": one.item["resourceData"]["id"]} for one in batch]
        self._ledger.append({"kind": KIND, "items": items, "status": reply.status, "why": reply.why, "try": count + 1}, safe=False)

    # ------------------------------------------------------------------ what concerns the subscription

    def lifecycle(self, key: str, event: str) -> bool:
        """Tell of a subscription itself: `reauthorizationRequired`, `missed`, or `subscriptionRemoved`, after which it is gone."""
        subscription = self._shelf.subscriptions.get(key)
        if subscription is None:
            return False
        if event == "subscriptionRemoved":
            self._shelf.unsubscribe(key)
        if subscription.lifecycle_url:
            self._beside.start(self._tell_lifecycle(subscription, event))
        return True

    async def _tell_lifecycle(self, subscription: Subscription, event: str) -> None:
        said = {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": payloads.exact(subscription.expires),
            "tenantId": subscription.tid,
            "clientState": subscription.client_state,
            "lifecycleEvent": event,
        }
        pause = self._manners.retry_seconds
        for count in range(_TRIES):
            reply = await self._post(subscription.lifecycle_url, msgspec.json.encode({"value": [said]}))
            items = [{"subscription": subscription.id, "lifecycle": event}]
            self._ledger.append({"kind": KIND, "items": items, "status": reply.status, "why": reply.why, "try": count + 1}, safe=False)
            if reply.good:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def validate(self, url: str) -> str:
        """Ask an endpoint to say a token back; why it did not, or nothing."""
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid4()}"
        joint = "&" if "?" in url else "?"
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        reply = await self._hooks.call("POST", f"{url}{joint}validationToken={quote(token)}", b"", headers)
        if reply.why == "timeout":
            return "Subscription validation request timed out."
        if reply.why:
            return "Subscription validation request failed. The endpoint could not be reached."
        if reply.status != _OK:
            return "Subscription validation request failed. Must respond with 200 OK to this request."
        if reply.content_type != "text/plain":
            return "Subscription validation request failed. Response must be text/plain."
        same = reply.body.decode("utf-8", "replace") == token
        return "" if same else "Subscription validation request failed. Response must exactly match validationToken query parameter."

    # ------------------------------------------------------------------ going about it

    async def _post(self, url: str, body: bytes) -> Reply:
        return await self._hooks.call("POST", url, body, {"Content-Type": "application/json"})

    async def settled(self) -> None:
        """Return when nothing is on its way any more."""
        await self._beside.settled()

    async def close(self) -> None:
        """Drop what is on its way."""
        await self._beside.drop()
