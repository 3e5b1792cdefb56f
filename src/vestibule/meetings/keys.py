"""Key pairs of ours towards Microsoft: `app` proves us where tokens are given, `notify` opens what notifications carry.

They are RSA, because Entra takes and Graph encrypts for nothing else, and Vestibule makes them itself: a private key is never typed, sent
or downloaded. Making one takes the better part of a second, so it is done in a thread and with no transaction open.

A new `notify` key is in use at once: subscriptions made or renewed from then on name it, and the old one stays until none names it any
more. A new `app` key waits, because Microsoft believes it only once somebody has uploaded its certificate: `use` then says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import KeyPair
from vestibule.meetings.store.keys import KeyRow, KeyStore
from vestibule.platform.db import Database, Tx
from vestibule.protocols.jose import CERTIFICATE_DAYS, SigningKey, certificate
from vestibule.tenancy.service import bound

# A certificate that begins this very second is not valid yet for somebody whose clock is a little behind.
_HEAD_START: Final = timedelta(hours=1)
# So long before its end a `notify` key is replaced by itself.
_REPLACED_BEFORE: Final = timedelta(days=60)
# Microsoft tries to deliver for four hours; what was encrypted with an old key may still be on its way so long.
_KEPT_AFTER: Final = timedelta(days=7)


class KeyPurpose(StrEnum):
    """What a key pair is for."""

    APP = "app"
    NOTIFY = "notify"


class MeetingKeys:
    """Makes them, keeps them sealed, gives them. Methods taking `tx` act within its organisation."""

    def __init__(self, clock: Clock, box: SecretBox) -> None:
        """Seal private halves with `box`."""
        self._clock = clock
        self._box = box
        self._store = KeyStore()

    # ------------------------------------------------------------------ reading

    async def app(self, tx: Tx) -> KeyPair | None:
        """With which we prove ourselves now; None where none was made."""
        return await self._current(tx, KeyPurpose.APP)

    async def waiting(self, tx: Tx) -> KeyPair | None:
        """The `app` key whose certificate somebody is to upload, and that nothing uses yet."""
        rows = await self._store.some(bound(tx), tx, KeyPurpose.APP.value)
        return next((self._opened(bound(tx), row) for row in rows if row.waits), None)

    async def notify(self, tx: Tx) -> KeyPair | None:
        """The one that new subscriptions name; None where none was made."""
        return await self._current(tx, KeyPurpose.NOTIFY)

    async def openers(self, tx: Tx) -> dict[str, KeyPair]:
        """Every key that may still have to open a notification, by its name."""
        rows = await self._store.some(bound(tx), tx, KeyPurpose.NOTIFY.value)
        return {row.id: self._opened(bound(tx), row) for row in rows}

    async def listing(self, tx: Tx) -> list[tuple[KeyPurpose, KeyPair]]:
        """All there are, newest first, without their private halves."""
        rows = await self._store.some(bound(tx), tx, None)
        return [(KeyPurpose(row.purpose), _pair(row, b"")) for row in rows]

    # ------------------------------------------------------------------ making

    async def ensure(self, db: Database, tenant: TenantId, purpose: KeyPurpose) -> KeyPair:
        """The key in use; made where there is none. No transaction may be open."""
        async with db.tenant(tenant) as tx:
            found = await self._current(tx, purpose)
        return found or await self._make(db, tenant, purpose, waits=False)

    async def prepare_app(self, db: Database, tenant: TenantId) -> KeyPair:
        """An `app` key to be uploaded: the first is in use at once, a later one waits for `use`. Asking again gives the one that waits."""
        async with db.tenant(tenant) as tx:
            waiting, current = await self.waiting(tx), await self.app(tx)
        return waiting or await self._make(db, tenant, KeyPurpose.APP, waits=current is not None)

    async def use(self, tx: Tx, key: str) -> None:
        """The certificate of the `app` key that waits was uploaded: it is in use, and the one before is retired.

        Raises:
            NotFound: `meeting-key-not-found`.
        """
        if not await self._store.use(bound(tx), tx, key, self._clock.now()):
            raise NotFound("meeting-key-not-found", "There is no such key waiting.", phase="meetings.keys")

    async def renew_notify(self, db: Database, tenant: TenantId, *, now: bool = False) -> bool:
        """Put a new `notify` key in the place of one that ends soon, or at once; whether one was made. No transaction may be open."""
        async with db.tenant(tenant) as tx:
            current = await self._current(tx, KeyPurpose.NOTIFY)
        if current is None or not (now or current.not_after - _REPLACED_BEFORE <= self._clock.now()):
            return False
        fresh = await self._made(KeyPurpose.NOTIFY)
        async with db.tenant(tenant) as tx:
            if not await self._store.retire(tenant, tx, current.id, self._clock.now()):
                return False  # another process was quicker
            await self._keep(tx, KeyPurpose.NOTIFY, fresh, waits=False)
        return True

    async def forget(self, tx: Tx, in_use: Collection[str]) -> int:
        """Delete retired keys that nothing can need any more; how many.

        Args:
            tx: bound to the tenant.
            in_use: names of keys that subscriptions still name.
        """
        return await self._store.forget(bound(tx), tx, self._clock.now() - _KEPT_AFTER, list(in_use))

    async def whose_ending(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations of which a `notify` key is to be replaced, or a retired key to be deleted."""
        now = self._clock.now()
        return await self._store.whose_ending(db, now + _REPLACED_BEFORE, now - _KEPT_AFTER, after, most)

    # ------------------------------------------------------------------ inside

    async def _current(self, tx: Tx, purpose: KeyPurpose) -> KeyPair | None:
        rows = await self._store.some(bound(tx), tx, purpose.value)
        return next((self._opened(bound(tx), row) for row in rows if row.retired_at is None and not row.waits), None)

    async def _make(self, db: Database, tenant: TenantId, purpose: KeyPurpose, *, waits: bool) -> KeyPair:
        fresh = await self._made(purpose)
        async with db.tenant(tenant) as tx:
            if await self._keep(tx, purpose, fresh, waits=waits):
                return fresh
            found = await (self.waiting(tx) if waits else self._current(tx, purpose))
        if found is None:
            raise RuntimeError("a key that was there a moment ago is gone")
        return found

    async def _made(self, purpose: KeyPurpose) -> KeyPair:
        return await asyncio.to_thread(_generate, purpose, self._clock.now())

    async def _keep(self, tx: Tx, purpose: KeyPurpose, pair: KeyPair, *, waits: bool) -> bool:
        """False where somebody else kept one of that kind meanwhile."""
        sealed = self._box.seal_bytes(pair.private, about=_about(bound(tx), pair.id))
        row = KeyRow(pair.id, purpose.value, sealed, pair.certificate, pair.made_at, pair.not_after, None, waits)
        return await self._store.add(bound(tx), tx, row)

    def _opened(self, tenant: TenantId, row: KeyRow) -> KeyPair:
        return _pair(row, self._box.open_bytes(row.private_sealed, about=_about(tenant, row.id)))


def _pair(row: KeyRow, private: bytes) -> KeyPair:
    return KeyPair(row.id, private, row.certificate, row.made_at, row.not_after, row.retired_at)


def _about(tenant: TenantId, key: str) -> str:
    return f"meeting.key:{tenant}:{key}"


def _generate(purpose: KeyPurpose, now: datetime) -> KeyPair:
    """Runs in a thread: nothing else moves meanwhile, and everything else does."""
    key = SigningKey.generate("RS384")
    start = (now - _HEAD_START).replace(microsecond=0)
    text = certificate(key, name=f"Vestibule {purpose.value}", active_from=start)
    private = cast("rsa.RSAPrivateKey", key.key.private_key)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = x509.load_pem_x509_certificate(text).public_bytes(Encoding.DER)
    return KeyPair(str(new_id()), der, public, now, start + CERTIFICATE_DAYS)
