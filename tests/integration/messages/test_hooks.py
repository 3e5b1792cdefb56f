"""Where carriers tell us things: over a real socket, with accounts in a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from support.canary import Canary
from support.carriers import MESSAGE, PHONE, SID, AzureSide, TwilioSide
from support.message_office import MessageOffice
from support.serving import Reply, ask, served
from vestibule.adapters.carriers.azure import Azure
from vestibule.adapters.carriers.console import Console
from vestibule.adapters.carriers.twilio import Twilio
from vestibule.errors import Unavailable
from vestibule.kit.clock import FrozenClock, SystemClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages.hooks import ROUTES, Hooks
from vestibule.messages.model import Account, CarrierKind, MessageState
from vestibule.messages.ports import HookAnswer
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.serve import Server

ORIGIN = "https://visits.alder.test"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Desk:
    """The address, and what came through it."""

    db: Database
    tenant: TenantId
    office: MessageOffice
    server: Server
    taken: list[tuple[UUID, HookAnswer]] = field(default_factory=list)
    broken: bool = False

    async def take(self, _db: Database, account: Account, answer: HookAnswer) -> None:
        if self.broken:
            raise Unavailable("database-unavailable", "The database cannot be reached.", phase="database.connect")
        self.taken.append((account.id, answer))

    async def account(self, kind: CarrierKind, **wish: str) -> Account:
        async with self.db.tenant(self.tenant) as tx:
            return await self.office.account(tx, kind, **wish)

    async def post(self, account: UUID, body: bytes, headers: dict[str, str], query: str = "", method: str = "POST") -> Reply:
        return await ask(self.server, f"/hooks/{account}{query}", method=method, headers=headers, body=body)

    async def receipt(self, account: Account, key: str = "", status: str = "delivered") -> Reply:
        """A receipt as Twilio signs it."""
        fields = {"MessageSid": SID, "MessageStatus": status, "To": PHONE}
        hook = TwilioSide().signed(account, fields, f"{ORIGIN}/hooks/{account.id}?message={MESSAGE}", key)
        return await self.post(account.id, hook.body, dict(hook.headers), f"?message={MESSAGE}")


@pytest.fixture
async def desk(db: Database, tenant: TenantId) -> AsyncIterator[Desk]:
    clock, http, office = SystemClock(), Http(), MessageOffice()
    made = Desk(db, tenant, office, None)  # type: ignore[arg-type]
    carriers = {CarrierKind.TWILIO: Twilio(http, clock), CarrierKind.AZURE: Azure(http, clock), CarrierKind.CONSOLE: Console()}
    hooks = Hooks(
        db=db, clock=FrozenClock(clock.now()), audit=Audit(clock), accounts=office.settings, carriers=carriers, receipts=made, origin=ORIGIN
    )
    app = build_app(routes=ROUTES, services={"hooks": hooks, "clock": clock}, config=WebConfig(origin=ORIGIN))
    async with served(app) as server:
        made.server = server
        yield made
    await http.close()


def counted(carrier: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("vestibule_message_hooks_total", {"carrier": carrier, "outcome": outcome}) or 0


async def test_a_proved_receipt_is_taken_and_answered_as_the_carrier_wants_it(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    before = counted("twilio", "taken")
    reply = await desk.receipt(account)
    assert reply.status == 200
    ((name, answer),) = desk.taken
    assert name == account.id
    (receipt,) = answer.receipts
    assert (receipt.carrier_id, receipt.state, receipt.message) == (SID, MessageState.DELIVERED, MESSAGE)
    assert counted("twilio", "taken") == before + 1


async def test_a_text_is_answered_with_silence(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    fields = {"MessageSid": SID, "From": PHONE, "To": "+18885550100", "Body": "STOP"}
    hook = TwilioSide().signed(account, fields, f"{ORIGIN}/hooks/{account.id}")
    reply = await desk.post(account.id, hook.body, dict(hook.headers))
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, "text/xml")
    assert reply.body.endswith(b"<Response></Response>")
    assert desk.taken[0][1].incoming[0].text == "STOP"


async def test_event_grid_is_greeted_and_its_batches_are_taken(desk: Desk) -> None:
    account = await desk.account(CarrierKind.AZURE, hook_secret="static-secret")
    question = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c0de-1"}}]
    headers = {"Content-Type": "application/json", "aeg-event-type": "SubscriptionValidation"}
    reply = await desk.post(account.id, json.dumps(question).encode(), headers)
    assert (reply.status, json.loads(reply.body)) == (200, {"validationResponse": "c0de-1"})
    reply = await desk.post(account.id, b"", {"WebHook-Request-Origin": "eventgrid.azure.net"}, method="OPTIONS")
    assert (reply.status, reply.headers["webhook-allowed-origin"]) == (200, "eventgrid.azure.net")
    hook = AzureSide().delivered(account)
    assert (await desk.post(account.id, hook.body, dict(hook.headers))).status == 200
    assert [len(answer.receipts) for _, answer in desk.taken] == [0, 0, 1]


async def test_whoever_is_no_carrier_of_ours_cannot_tell_why(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    mute = await desk.account(CarrierKind.CONSOLE)
    replies = [
        await desk.receipt(account, key="not the token"),
        await desk.receipt(replace(account, id=new_id())),
        await desk.receipt(replace(mute, secret="x")),
        await desk.post(account.id, b"\xff\x00", {"Content-Type": FORM}),
        await desk.post(account.id, b"", {}),
        await desk.post(account.id, b"{}", {"Content-Type": "application/json", "X-Twilio-Signature": "x"}),
        await desk.post(account.id, b"", {}, method="OPTIONS"),
    ]
    alike = {(reply.status, reply.body, reply.headers.get("content-type")) for reply in replies}
    assert len(alike) == 1
    assert replies[0].status == 404
    assert desk.taken == []


async def test_too_large_a_body_is_refused_whoevers_it_claims_to_be(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    statuses = [(await desk.post(name, b"x" * 300_000, {"Content-Type": FORM})).status for name in (account.id, new_id())]
    assert statuses == [413, 413]


async def test_forgeries_are_noted_a_few_times_and_then_counted(desk: Desk, owner: asyncpg.Connection) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    before = counted("twilio", "forged")
    for _ in range(8):
        await desk.receipt(account, key="not the token")
    rows = await owner.fetch("select * from audit_entries where tenant_id = $1 and action = 'message-hook.refused'", desk.tenant)
    assert len(rows) == 5
    assert {(row["about_kind"], row["about_id"], row["outcome"]) for row in rows} == {("message-account", str(account.id), "refused")}
    assert counted("twilio", "forged") == before + 8


async def test_an_account_that_was_removed_is_unknown(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    async with desk.db.tenant(desk.tenant) as tx:
        await desk.office.carrying.remove_account(tx, account.id, revision=1, by=SYSTEM)
    assert (await desk.receipt(account)).status == 404


async def test_what_cannot_be_written_down_is_asked_for_again(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    desk.broken = True
    assert (await desk.receipt(account)).status == 503
    desk.broken = False
    assert (await desk.receipt(account)).status == 200


async def test_a_carrier_is_no_page_and_sends_no_cookies_that_count(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    fields = urlencode({"MessageSid": SID, "MessageStatus": "delivered"}).encode()
    headers = {"Content-Type": FORM, "Origin": "https://evil.example", "Cookie": "a=b", "Sec-Fetch-Site": "cross-site"}
    reply = await desk.post(account.id, fields, headers)
    assert reply.status == 404
    assert "set-cookie" not in reply.headers
    assert not reply.cookies


async def test_nothing_of_a_patient_is_logged(desk: Desk) -> None:
    account = await desk.account(CarrierKind.TWILIO)
    with capture_logs() as lines:
        await desk.receipt(account)
        await desk.receipt(account, key="forged")
        await desk.post(account.id, urlencode({"From": PHONE, "Body": "Zelda"}).encode(), {"Content-Type": FORM})
    bird = Canary({"phone": PHONE, "text": "Zelda", "token": account.secret})
    assert bird.found("log", [json.dumps(line, default=str) for line in lines]) == []


@pytest.mark.parametrize("path", ["/hooks/x", "/hooks/", "/hooks/00000000-0000-0000-0000-00000000000", "/hooks/../metrics"])
async def test_an_address_that_names_no_account_is_no_page(desk: Desk, path: str) -> None:
    assert (await ask(desk.server, path, method="POST", headers={"Content-Type": FORM})).status in {400, 404}
