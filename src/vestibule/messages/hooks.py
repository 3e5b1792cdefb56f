"""Where carriers tell us how messages fare and what patients answer: one public address for each account.

Whoever asks proves to be the carrier by the account's key; the path's id only says which account. From outside, an unknown account, a
request without proof and one that makes no sense look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol
from uuid import UUID

from litestar import Request, route
from litestar.response import Response

from vestibule.errors import BadInput, NotAllowed, NotFound, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Account, CarrierKind
from vestibule.messages.ports import Carrier, Hook, HookAnswer
from vestibule.platform.audit import Actor, Audit, Outcome, Repeats, acting, proved_to_be
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.metrics import HOOKS
from vestibule.platform.web.access import Access

_PATH: Final = "/hooks/{account:uuid}"
_MOST_NOTED: Final = 5  # forged requests of one account noted in a minute


class Accounts(Protocol):
    """What is known of accounts."""

    async def whose_account(self, db: Database, account: UUID) -> TenantId | None:
        """Which organisation's it is."""
        ...

    async def account(self, tx: Tx, account: UUID) -> Account:
        """The account with its secrets."""
        ...


class Taking(Protocol):
    """Who does something with what a carrier says."""

    async def take(self, db: Database, account: Account, answer: HookAnswer) -> None:
        """Write it down; a repeat changes nothing."""
        ...


class Hooks:
    """Takes carriers' requests.

    Args:
        accounts: whose account it is.
        receipts: where proved receipts and texts go.
        origin: ours, as carriers know it.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        audit: Audit,
        accounts: Accounts,
        carriers: Mapping[CarrierKind, Carrier],
        receipts: Taking,
        origin: str,
    ) -> None:
        self._db = db
        self._audit = audit
        self._accounts = accounts
        self._carriers = carriers
        self._receipts = receipts
        self._origin = origin
        self._repeats = Repeats(clock, most=_MOST_NOTED)

    async def take(self, name: UUID, *, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HookAnswer | None:
        """The answer the carrier wants to hear; None for everybody who is no carrier of ours.

        Args:
            name: the account's id, as the path has it.
            method: upper case.
            target: path and query as they came.
            headers: names in lower case.
            body: all of it.
        """
        tenant = await self._accounts.whose_account(self._db, name)
        if tenant is None:
            HOOKS.labels("", "unknown").inc()
            return None
        try:
            async with self._db.tenant(tenant) as tx:
                account = await self._accounts.account(tx, name)
        except NotFound:
            HOOKS.labels("", "unknown").inc()
            return None
        try:
            answer = self._read(account, Hook(method, self._origin + target, headers, body))
        except (NotAllowed, BadInput) as refusal:
            await self._refused(account, refusal)
            return None
        proved_to_be(Actor("carrier", str(account.id)))
        await self._receipts.take(self._db, account, answer)
        HOOKS.labels(account.kind.value, "taken").inc()
        return answer

    def _read(self, account: Account, hook: Hook) -> HookAnswer:
        carrier = self._carriers.get(account.kind)
        if carrier is None:
            raise NotAllowed("carrier-hook-forged", "Nobody of this kind sends anything here.", phase="message.hook")
        return carrier.read_hook(account, hook)

    async def _refused(self, account: Account, refusal: VestibuleError) -> None:
        """Somebody knows the address and not the key; or the key entered here is not the carrier's, which somebody has to see."""
        HOOKS.labels(account.kind.value, "forged" if isinstance(refusal, NotAllowed) else "unreadable").inc()
        more = self._repeats.detail(account.id)
        if more is None:
            return
        about, detail = ("message-account", account.id), {"code": refusal.code, "carrier": account.kind.value, **more}
        async with self._db.tenant(account.tenant) as tx:
            self._audit.note(tx, "message-hook.refused", by=acting(), about=about, outcome=Outcome.REFUSED, detail=detail)


@route(_PATH, http_method=["POST", "OPTIONS"], access=Access.PUBLIC, status_code=200)
async def told(request: Request[Any, Any, Any], account: UUID, hooks: Hooks) -> Response[bytes]:
    """A receipt, or a text from a patient; with OPTIONS, Event Grid asks whether it may deliver CloudEvents (HTTP WebHooks 1.0.1, 4)."""
    body = await request.body()  # first, so that too large a one looks the same whoever sends it
    scope = request.scope
    query = scope["query_string"].decode("latin-1")
    target = scope["path"] + (f"?{query}" if query else "")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    answer = await hooks.take(account, method=request.method, target=target, headers=headers, body=body)
    if answer is None:
        return Response(b"", status_code=404, media_type="text/plain")
    return Response(answer.body, status_code=answer.status, media_type=answer.content_type, headers=dict(answer.headers))


ROUTES = [told]
