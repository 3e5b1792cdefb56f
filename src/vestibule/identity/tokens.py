"""Programs' bearer tokens: made by a person for one organisation, shown once, kept as a hash, dead on every node when withdrawn.

A token looks like `vestibule_...`, so that a scanner for leaked secrets can tell it. A node believes what it has read for a second at
most, and is told of a withdrawal besides.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vestibule.errors import BadInput, NotFound
from vestibule.identity.members import clean
from vestibule.identity.model import Caller, MadeToken, StaffRole, Token
from vestibule.identity.programs.store import ProgramStore
from vestibule.identity.service import Channel
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, TokenId, fingerprint, new_id, new_secret
from vestibule.kit.pageful import Page, cursor, keys_of
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx

CHANNEL: Final = "vestibule_token"
PREFIX: Final = "vestibule_"
MOST_DAYS: Final = 730
KEPT: Final = timedelta(days=90)  # one that has ended still stands in the list
_BELIEVED: Final = 1.0  # seconds
_TOUCH_EVERY: Final = timedelta(seconds=60)
_MOST_KNOWN: Final = 10_000
_MAX_NAME: Final = 200
_LONGEST: Final = 200
_PHASE: Final = "tokens"


@dataclass(frozen=True, slots=True)
class _Known:
    tenant: TenantId
    token: Token
    until: float


class Tokens:
    """The programs that may use the API. Methods taking `tx` act within its organisation."""

    def __init__(self, *, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit
        self._store = ProgramStore()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._epoch = 0

    def listen(self, channel: Channel) -> None:
        """Hear of tokens withdrawn on other nodes."""
        channel.subscribe(CHANNEL, lambda _: self._forget(), self._forget)

    async def make(self, tx: Tx, *, name: str, roles: Iterable[StaffRole], days: int, by: Actor) -> MadeToken:
        """Make a token.

        Raises:
            BadInput: `token-name-missing`, `token-roles-missing`, `token-days-wrong`.
        """
        name, wanted, now = clean(name), frozenset(StaffRole(role) for role in roles), self._clock.now()
        if not 0 < len(name) <= _MAX_NAME:
            raise BadInput("token-name-missing", "Give the token a name of at most 200 letters.", phase=_PHASE)
        if not wanted:
            raise BadInput("token-roles-missing", "Choose at least one role.", phase=_PHASE)
        if not 0 < days <= MOST_DAYS:
            raise BadInput("token-days-wrong", "A token works for 1 to 730 days.", phase=_PHASE)
        secret = PREFIX + new_secret(32)
        token = Token(TokenId(new_id()), name, wanted, now, now + timedelta(days=days))
        await self._store.add(_tenant(tx), tx, token, fingerprint(secret), by.id)
        detail = {"roles": " ".join(sorted(role.value for role in wanted)), "days": str(days)}
        self._audit.note(tx, "token.made", by=by, about=("token", token.id), detail=detail)
        return MadeToken(token, secret)

    async def listing(self, tx: Tx, *, search: str = "", after: str = "", limit: int = 50) -> Page[Token]:
        """Tokens by name, a page at a time; those that ended lately too."""
        name, last = keys_of(after, 2) or ("", "")
        found = await self._store.listing(_tenant(tx), tx, clean(search), (name, last), limit + 1)
        more = cursor(found[limit - 1].name.lower(), str(found[limit - 1].id)) if len(found) > limit else ""
        return Page(found[:limit], more)

    async def withdraw(self, tx: Tx, token: TokenId, by: Actor) -> None:
        """End a token, on every node at once.

        Raises:
            NotFound: `token-not-found`.
        """
        if await self._store.withdraw(_tenant(tx), tx, token, self._clock.now()) is None:
            raise NotFound("token-not-found", "There is no such token in force.", phase=_PHASE)
        self._audit.note(tx, "token.withdrawn", by=by, about=("token", token))
        await tx.notify(CHANNEL, str(token))
        tx.after_commit(self._forget)

    async def prove(self, db: Database, secret: str) -> Caller | None:
        """The program whose token this is; None for anything that is no token in force."""
        if not secret.startswith(PREFIX) or len(secret) > _LONGEST or not secret.isascii():
            return None
        secret_hash, now = fingerprint(secret), self._clock.now()
        known = self._known.get(secret_hash)
        if known is None or self._clock.monotonic() >= known.until or _to_be_touched(known.token, self._clock):
            known = await self._read(db, secret_hash)
        if known is None or not known.token.good(now):
            return None
        return Caller(known.tenant, known.token.id, known.token.roles)

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have something to sweep."""
        return await self._store.whose_over(db, self._clock.now() - KEPT, after, most)

    async def sweep(self, tx: Tx, *, keep: timedelta = KEPT) -> int:
        """Forget tokens that ended longer ago than `keep`."""
        return await self._store.sweep(_tenant(tx), tx, self._clock.now() - keep)

    async def _read(self, db: Database, secret_hash: bytes) -> _Known | None:
        epoch = self._epoch
        tenant = await self._store.whose(db, secret_hash)
        if tenant is None:
            return None
        async with db.tenant(tenant) as tx:
            token = await self._store.by_secret(tenant, tx, secret_hash)
            if token is None:
                return None
            if token.good(self._clock.now()) and _to_be_touched(token, self._clock):
                token = replace(token, used_at=self._clock.now())
                await self._store.used(tenant, tx, token.id, self._clock.now())
        known = _Known(tenant, token, self._clock.monotonic() + _BELIEVED)
        if epoch == self._epoch:
            self._known[secret_hash] = known
            self._known.move_to_end(secret_hash)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return known

    def _forget(self) -> None:
        self._epoch += 1
        self._known.clear()


def _to_be_touched(token: Token, clock: Clock) -> bool:
    return token.used_at is None or clock.now() - token.used_at >= _TOUCH_EVERY


def _tenant(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("tokens belong to an organisation: use db.tenant(...)")
    return tx.tenant
