"""What a person sets of a connection's feed: how it is read, who may send it, which appointments count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Final
from uuid import UUID

from vestibule.errors import Conflict, InvalidFields, NotFound
from vestibule.feed.certificates import PHASE, read_certificate
from vestibule.feed.judging import is_private, judge, network_of
from vestibule.feed.model import CHANGED, FeedCertificate, FeedSettings
from vestibule.feed.store import FeedSettingsStore
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, MemberId, new_id
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import refuse
from vestibule.tenancy.service import bound

_SAVE: Final = "feed.save"
_CHANGEABLE: Final = frozenset(field.name for field in fields(FeedSettings)) - {"connection", "revision"}
_MOST_CERTIFICATES: Final = 4  # two overlap; more are for senders that stand beside each other


class FeedSettingsService:
    """Reads and changes settings. Methods take the caller's transaction, which is bound to the organisation."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit
        self._store = FeedSettingsStore()

    async def get(self, tx: Tx, connection: ConnectionId) -> FeedSettings:
        """A connection's settings; those that hold while nobody has set anything have revision 0."""
        return await self._store.find(bound(tx), tx, connection) or FeedSettings(connection)

    async def all(self, tx: Tx) -> dict[ConnectionId, FeedSettings]:
        """The settings of the organisation's connections, where somebody has set any."""
        return {one.connection: one for one in await self._store.all(bound(tx), tx)}

    async def change(
        self, tx: Tx, connection: ConnectionId, changes: Mapping[str, Any], *, revision: int, by: Actor, may_be_public: Iterable[str] = ()
    ) -> FeedSettings:
        """Set the fields that `changes` names; the others stay.

        Args:
            tx: bound to the organisation.
            connection: one of its own.
            changes: fields of FeedSettings.
            revision: which one the person looked at; 0 for none yet.
            by: who.
            may_be_public: networks of the internet that are meant; those that stand already need not be said again.

        Raises:
            InvalidFields: naming the fields.
            Conflict: `feed-changed` when somebody else changed them meanwhile.
        """
        refuse(dict.fromkeys(set(changes) - _CHANGEABLE, "field-unknown"), phase=_SAVE)
        stored = await self._store.find(bound(tx), tx, connection, lock=True)
        was = stored or FeedSettings(connection)
        if was.revision != revision:
            raise Conflict("feed-changed", "Somebody changed these settings meanwhile. Look at them, then save again.", phase=_SAVE)
        now = _tidied(replace(was, **changes))
        refuse(judge(now, may_be_public={*map(_network, may_be_public), *was.networks}), phase=_SAVE)
        if stored is not None and now == was:
            return was
        now = replace(now, revision=was.revision + 1)
        await self._put(tx, was, now, by)
        return now

    async def _put(self, tx: Tx, was: FeedSettings, now: FeedSettings, by: Actor) -> None:
        if not await self._store.put(bound(tx), tx, now, self._clock.now()):
            raise InvalidFields({"plain_port": "plain-port-taken"}, phase=_SAVE)
        if now.raw_hours < was.raw_hours:
            await self._store.keep_shorter(bound(tx), tx, now.connection, now.raw_hours)
        self._audit.note(tx, "feed.changed", by=by, about=("connection", now.connection), detail=_told(was, now))
        await tx.notify(CHANGED, str(now.connection))

    # ------------------------------------------------------------------ certificates

    async def certificates(self, tx: Tx, connection: ConnectionId | None = None) -> list[FeedCertificate]:
        """Those by which a connection's senders prove themselves (or all of the organisation's), also such as have expired."""
        return await self._store.certificates(bound(tx), tx, connection)

    async def add_certificate(
        self, tx: Tx, connection: ConnectionId, data: bytes, *, by: Actor, member: MemberId | None = None
    ) -> FeedCertificate:
        """Let whoever holds this certificate's key send.

        Raises:
            BadInput: `certificate-...`, saying what is wrong with the file.
            Conflict: `certificate-known`, `certificate-taken`, `certificate-too-many`.
        """
        read = read_certificate(data, self._clock.now())
        tenant, now = bound(tx), self._clock.now()
        if await self._store.find(tenant, tx, connection, lock=True) is None:
            await self._put(tx, FeedSettings(connection), FeedSettings(connection, revision=1), by)
        mine = await self._store.certificates(tenant, tx, connection)
        if any(one.key_hash == read.key_hash for one in mine):
            raise Conflict("certificate-known", "This connection has a certificate with this key already.", phase=PHASE)
        if len(mine) >= _MOST_CERTIFICATES:
            raise Conflict("certificate-too-many", "Remove a certificate first: more than four are not kept.", phase=PHASE)
        made = new_id()
        if not await self._store.add_certificate(tenant, tx, connection, made, read, by=member, at=now):
            raise Conflict(
                "certificate-taken", "This key is another connection's. A key says whose message it is: give each its own.", phase=PHASE
            )
        self._audit.note(tx, "feed.certificate-added", by=by, about=("connection", connection), detail=_key(read.key_hash))
        await tx.notify(CHANGED, str(connection))
        return FeedCertificate(made, connection, read.subject, read.key, read.key_hash, read.not_before, read.not_after, now)

    async def remove_certificate(self, tx: Tx, connection: ConnectionId, certificate: UUID, *, by: Actor) -> None:
        """Whoever proves themselves by it is refused from now on.

        Raises:
            NotFound: `certificate-not-found`.
        """
        mine = await self._store.certificates(bound(tx), tx, connection)
        found = next((one for one in mine if one.id == certificate), None)
        if found is None or not await self._store.remove_certificate(bound(tx), tx, connection, certificate, self._clock.now()):
            raise NotFound("certificate-not-found", "There is no such certificate here, or it was removed.", phase=PHASE)
        self._audit.note(tx, "feed.certificate-removed", by=by, about=("connection", connection), detail=_key(found.key_hash))
        await tx.notify(CHANGED, str(connection))


def _tidied(one: FeedSettings) -> FeedSettings:
    """Networks as they are compared: 10.20.0.7/16 is 10.20.0.0/16; each once."""
    return replace(one, networks=tuple(dict.fromkeys(map(_network, one.networks))))


def _network(text: str) -> str:
    found = network_of(text)
    return text if found is None else str(found)


def _told(was: FeedSettings, now: FeedSettings) -> dict[str, str]:
    """What the audit keeps: which fields, and of those that open or close something also how they stand now."""
    changed = [name for name in sorted(_CHANGEABLE) if getattr(was, name) != getattr(now, name)]
    detail = {"fields": ", ".join(changed)}
    if "enabled" in changed:
        detail["enabled"] = str(now.enabled).lower()
    if "plain_port" in changed:
        detail["plain_port"] = str(now.plain_port or "none")
    if "networks" in changed:
        detail["networks"] = " ".join(now.networks)
        public = [text for text in now.networks if (network := network_of(text)) and not is_private(network)]
        detail |= {"public": " ".join(public)} if public else {}
    return detail


def _key(key_hash: bytes) -> dict[str, str]:
    return {"key": key_hash.hex()}
