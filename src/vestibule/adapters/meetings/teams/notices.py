"""The port `Notices`: what Microsoft sends, proved and opened in the documented order: tokens, signature, and only then decrypted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vestibule.adapters.meetings.teams.payload import read_event
from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.reading import text
from vestibule.adapters.meetings.teams.sealed import PHASE, opened, taken_apart
from vestibule.adapters.meetings.teams.validation import MicrosoftKeys, check
from vestibule.errors import NotAllowed
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account, CallEvent, KeyPair
from vestibule.platform.http import Http


class GraphNotices:
    """Knows Microsoft's signing keys for a while."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool = False) -> None:
        """Say where Microsoft publishes its keys; `loopback_http` allows plain http on this machine."""
        self._keys = MicrosoftKeys(http=http, clock=clock, places=places, loopback_http=loopback_http)

    async def open(
        self, account: Account, item: Mapping[str, Any], tokens: Sequence[str], keys: Mapping[str, KeyPair], *, now: datetime
    ) -> CallEvent:
        """Prove and decrypt one item of a notification.

        Args:
            account: the organisation it is for.
            item: of `value`, as it came.
            tokens: the batch's `validationTokens`.
            keys: ours, by the `encryptionCertificateId` we gave them.
            now: when it came: a token that was good then is not bad for our having been slow.

        Raises:
            NotAllowed: `teams-notice-forged`. BadInput: `teams-notice-unreadable`. OutsideFailed: Microsoft's keys cannot be had.
        """
        await check(tokens, account, self._keys, now)
        if text(item, "tenantId").casefold() != account.directory.casefold():
            raise NotAllowed("teams-notice-forged", "This is another organisation's.", phase=PHASE)
        # A thousandth of a second of arithmetic an item, which would hold up everybody else's.
        return read_event(await asyncio.to_thread(opened, taken_apart(item), keys))
