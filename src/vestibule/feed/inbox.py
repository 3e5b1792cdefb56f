"""Taking messages: sealed, committed in groups, and told apart from those that came before."""

from __future__ import annotations

import hashlib
from asyncio import Future
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from vestibule.errors import VestibuleError
from vestibule.feed.model import Received, Verdict
from vestibule.feed.store import INSERT, INSERT_ONE, SETTLE, Entry, Origin
from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db.group import Group, Limits, Session

_ROLE: Final = "vestibule_dispatch"  # sees the inbox of every tenant, and nothing else of them
_ROW: Final = 600  # bytes that a waiting row holds beside its body, about


def about(tenant: TenantId, name: bytes) -> str:
    """What a message's sealed body is about; it opens for nothing else."""
    return f"feed.body:{_written(tenant)}:{name.hex()}"


_written = lru_cache(maxsize=1024)(str)  # a UUID takes its time to write itself


class DurableInbox:
    """The inbox of this process: what it says yes to is on the disk."""

    def __init__(self, url: str, box: SecretBox, *, limits: Limits | None = None) -> None:
        """Describe it; nothing happens before `start`.

        Args:
            url: of the database.
            box: seals bodies.
            limits: how much at once.
        """
        self._box = box
        self.group: Group[Entry, Verdict] = Group(url, _write, role=_ROLE, name="feed.inbox", limits=limits)

    def start(self) -> None:
        """Begin to take."""
        self.group.start()

    async def stop(self) -> None:
        """Finish what waits, then take nothing more."""
        await self.group.stop()

    def take(self, message: Received) -> Future[Verdict]:
        """See `ports.Inbox`."""
        row = self._row(message)
        return self.group.put(row, len(row.body) + _ROW)

    def hand(self, message: Received, tell: Callable[[Verdict | VestibuleError], None]) -> None:
        """See `ports.Inbox`."""
        row = self._row(message)
        self.group.hand(row, len(row.body) + _ROW, tell)

    def _row(self, message: Received) -> Entry:
        sender, body = message.sender, message.body
        sealed = self._box.seal_bytes(body, about=about(sender.tenant, message.name))
        origin = Origin(sender.tenant, sender.connection, message.via, sender.certificate)
        return Entry(origin, message.name, message.control_id, sealed, hashlib.sha256(body).digest(), len(body))


async def _write(session: Session, rows: Sequence[Entry]) -> list[Verdict]:
    """One commit for what is new; another, where there is any, for what has a name that is known already."""
    fresh = await _inserted(session, rows)
    if fresh is None:
        return [Verdict.TAKEN] * len(rows)
    verdicts: list[Verdict | None] = []
    for row in rows:  # of two in one batch that have one name the first was inserted
        verdicts.append(Verdict.TAKEN if row.name in fresh else None)
        fresh.discard(row.name)
    return await _settled(session, rows, verdicts)


async def _inserted(session: Session, rows: Sequence[Entry]) -> set[bytes] | None:
    """The names that were new; None for all of them."""
    if len(rows) == 1:
        return None if await session.fetch(INSERT_ONE, *_flat(rows[0])) else set()
    origins: dict[Origin, int] = {}
    columns = list(zip(*rows, strict=True))
    columns[0] = tuple(origins.setdefault(origin, len(origins) + 1) for origin in columns[0])
    ((names, _),) = await session.fetch(INSERT, *zip(*origins, strict=True), *columns)
    return None if names is None else set(names)


def _flat(row: Entry) -> tuple[object, ...]:
    return (*row.origin, *row[1:])


async def _settled(session: Session, rows: Sequence[Entry], verdicts: list[Verdict | None]) -> list[Verdict]:
    open_ones = [n for n, verdict in enumerate(verdicts) if verdict is None]
    for n, same in await session.fetch(SETTLE, *zip(*(_flat(rows[n]) for n in open_ones), strict=True)):
        verdicts[open_ones[n - 1]] = Verdict.AGAIN if same else Verdict.CONFLICT
    # A name that was known a moment ago and is gone now was forgotten in between; then the message is new after all.
    gone = [n for n, verdict in enumerate(verdicts) if verdict is None]
    if gone:
        for n, verdict in zip(gone, await _write(session, [rows[n] for n in gone]), strict=True):
            verdicts[n] = verdict
    return [verdict for verdict in verdicts if verdict is not None]
