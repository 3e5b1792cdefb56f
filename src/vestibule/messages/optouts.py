"""Who wants no texts: a keyed hash of the number, which outlives the number itself."""

from __future__ import annotations

from collections.abc import Collection

from vestibule.kit.clock import Clock
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.store.replies import OptOutStore
from vestibule.platform.db import Tx
from vestibule.tenancy.service import bound


class OptOuts:
    """Within the transaction's organisation: somebody who said STOP to one of its numbers hears from none of them."""

    def __init__(self, *, clock: Clock, box: SecretBox) -> None:
        self._clock = clock
        self._box = box
        self._store = OptOutStore()

    async def among(self, tx: Tx, phones: Collection[str]) -> set[str]:
        """Those of these numbers that want no texts."""
        keys = {key: phone for phone in phones if phone for key in self._box.keyed_hashes(_about(phone))}
        if not keys:
            return set()
        return {keys[key] for key in await self._store.known(bound(tx), tx, list(keys))}

    async def add(self, tx: Tx, phone: str, *, by: str) -> bool:
        """They want none from now on; False when that was known. `by`: `patient`, `carrier` or `staff`."""
        if phone in await self.among(tx, [phone]):
            return False
        return await self._store.add(bound(tx), tx, self._box.keyed_hash(_about(phone)), by=by, at=self._clock.now())

    async def remove(self, tx: Tx, phone: str) -> bool:
        """They want them again; False when they have never not."""
        return await self._store.remove(bound(tx), tx, self._box.keyed_hashes(_about(phone)))


def _about(phone: str) -> str:
    return f"opt-out|{phone}"
