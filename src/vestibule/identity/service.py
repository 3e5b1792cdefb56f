"""Sessions: opened by a launch or a link, proved by a cookie, over after idleness, an absolute time, or a word.

A session's id is public and stands in the path; its secret is in a cookie of that path only and is stored as a hash. Proofs are
kept for a few seconds in the process, so that a page with many requests asks the database once; closing a session tells all nodes.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from vestibule.errors import BadInput, Gone
from vestibule.identity.cache import ProofCache
from vestibule.identity.model import Principal, Role, StaffRole
from vestibule.identity.reading import SessionReader
from vestibule.identity.store import IdentityStore, SessionRow, principal
from vestibule.kit.clock import Clock
from vestibule.kit.ids import (
    ConnectionId,
    DepartmentId,
    MemberId,
    ParticipantId,
    SessionId,
    TenantId,
    VisitId,
    fingerprint,
    new_id,
    new_secret,
)
from vestibule.platform.audit import Audit, acting, acting_as
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.metrics import PROOFS, SESSIONS
from vestibule.platform.web.config import Proof
from vestibule.platform.web.cookies import Cookie, session_cookie

CHANNEL = "vestibule_session"
_PER_NOTICE = 100  # session ids in one NOTIFY: 37 bytes each, far below its 8,000
KEPT = timedelta(days=1)  # a session that is over still says why; then it is forgotten
_DESTINATION = re.compile(r"[a-z][a-z0-9-]{0,40}(/[a-z0-9-]{1,60}){0,4}")


class Channel(Protocol):
    """What tells this node of notifications: platform/db's Listener."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with each payload, and `on_gap` when some may have been missed."""
        ...


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session and the cookie that proves it."""

    principal: Principal
    cookie: Cookie


class Identity:
    """Who is asking."""

    def __init__(
        self,
        clock: Clock,
        *,
        idle: timedelta = timedelta(minutes=60),
        absolute: timedelta = timedelta(hours=12),
        audit: Audit | None = None,
    ) -> None:
        """Set the limits.

        Args:
            clock: tells the time.
            idle: a session unused for so long is over; an open live stream counts as use.
            absolute: a session is over after so long in any case.
            audit: hears of every session that begins or is ended.
        """
        self._clock = clock
        self._audit = audit or Audit(clock)
        self._idle = idle
        self._absolute = absolute
        self._store = IdentityStore()
        self._cache = ProofCache(clock)
        self._reader = SessionReader(self._store, clock, idle=idle)
        # Told on every node when a session is closed, perhaps twice: streams and sockets of that session end here.
        self.on_closed: list[Callable[[SessionId], None]] = []

    def listen(self, channel: Channel) -> None:
        """Hear of sessions closed or changed on other nodes."""
        channel.subscribe(CHANNEL, self._heard, self._cache.clear)

    async def open_session(
        self,
        tx: Tx,
        *,
        role: Role,
        visit: VisitId | None = None,
        participant: ParticipantId | None = None,
        connection: ConnectionId | None = None,
        department: DepartmentId | None = None,
        framed: bool = False,
        frame_origins: Iterable[str] = (),
        member: MemberId | None = None,
        roles: Iterable[StaffRole] = (),
        idle: timedelta | None = None,
    ) -> OpenedSession:
        """Begin a session. Hand its cookie to `set_cookie(request, opened.cookie)`.

        A session of a member of staff is `Members.open_session`'s to begin: what the member may do is read anew whenever it is proved.
        """
        who = Principal(
            SessionId(new_id()), _tenant(tx), role, visit, participant, connection, department, framed, member, frozenset(roles)
        )
        return await self._open(tx, who, tuple(frame_origins), idle)

    async def proof(self, db: Database, sid: SessionId, cookie_value: str | None, *, used: bool = True) -> Proof:
        """What the web's guard asks: who is it, and who may frame the answer.

        Args:
            db: where sessions are kept.
            sid: from the path.
            cookie_value: what the browser sent with it.
            used: False for what a page asks by itself, so that nobody stays signed in because a page is open.
        """
        row = await self._find(db, sid, used=used)
        if row is None:
            return Proof()
        good = cookie_value is not None and hmac.compare_digest(fingerprint(cookie_value), row.secret_hash)
        if not good:
            return Proof(None, row.frame_origins, row.principal)
        if row.over(self._clock.now()):
            return Proof(None, row.frame_origins)
        return Proof(row.principal, row.frame_origins)

    async def prove(self, db: Database, sid: SessionId, cookie_value: str | None) -> Principal | None:
        """The principal of a session whose cookie is right and which is not over."""
        proved: Principal | None = (await self.proof(db, sid, cookie_value)).principal
        return proved

    async def still_open(self, db: Database, sid: SessionId) -> bool:
        """For streams and sockets proved when they began: ask again from time to time.

        It counts as use of a visit's session, and not as use of a staff member's: nobody stays signed in because a page is open.
        """
        row = await self._find(db, sid, used=False)
        if row is not None and row.principal.member is None:
            row = await self._find(db, sid)
        return row is not None and not row.over(self._clock.now())

    async def seconds_left(self, db: Database, sid: SessionId) -> int:
        """How long a session will last unless it is used; asking is no use."""
        row = await self._reader.find(db, sid, used=False)
        now = self._clock.now()
        return 0 if row is None or row.over(now) else int((row.ends_at - now).total_seconds())

    async def bind_participant(self, tx: Tx, sid: SessionId, participant: ParticipantId, *, visit: VisitId | None = None) -> None:
        """Note who this session is, now that they have joined."""
        await self._store.bind(_tenant(tx), tx, sid, participant, visit)
        await tx.notify(CHANNEL, f"changed {sid}")
        tx.after_commit(lambda: self._cache.drop(sid))

    async def close_session(self, tx: Tx, sid: SessionId) -> None:
        """End one session, on every node, at once."""
        await self._close(tx, [sid])

    async def close_visit_sessions(self, tx: Tx, visit: VisitId) -> None:
        """End every session of a visit, and void the tickets for more."""
        await self._store.void_tickets(_tenant(tx), tx, self._clock.now(), visit=visit)
        await self._close(tx, await self._store.open_sessions(_tenant(tx), tx, visit=visit))

    async def close_participant_sessions(self, tx: Tx, participant: ParticipantId) -> None:
        """End every session of one person in a visit: the frame and the window they opened from it."""
        await self._store.void_tickets(_tenant(tx), tx, self._clock.now(), participant=participant)
        await self._close(tx, await self._store.open_sessions(_tenant(tx), tx, participant=participant))

    async def close_member_sessions(self, tx: Tx, member: MemberId) -> None:
        """End every session of one member, on every node."""
        await self._close(tx, await self._store.open_sessions(_tenant(tx), tx, member=member))

    async def reread_member_sessions(self, tx: Tx, member: MemberId) -> None:
        """Let every node read this member's sessions anew: what they may do has changed."""
        sids = await self._store.open_sessions(_tenant(tx), tx, member=member)
        for start in range(0, len(sids), _PER_NOTICE):
            await tx.notify(CHANNEL, "changed " + " ".join(str(sid) for sid in sids[start : start + _PER_NOTICE]))
        tx.after_commit(lambda: self._forget(sids))

    async def issue_ticket(self, tx: Tx, *, session_like: Principal, ttl_seconds: float, purpose: str, to: str) -> str:
        """A one-time code that opens a session like this one: `/h/{code}` leads to `/s/{new session}/{to}`."""
        if not _DESTINATION.fullmatch(to):
            raise BadInput("ticket-destination", "There is no such page to open.", phase="session.ticket")
        code = new_secret()
        expires_at = self._clock.now() + timedelta(seconds=ttl_seconds)
        await self._store.add_ticket(
            _tenant(tx), tx, fingerprint(code), session_like, purpose=purpose, destination=to, expires_at=expires_at
        )
        detail = {"purpose": purpose, "role": session_like.role.value}
        self._audit.note(tx, "ticket.issued", by=acting(), about=_place(session_like), detail=detail)
        return code

    async def use_ticket(self, db: Database, code: str) -> tuple[OpenedSession, str]:
        """Use a code up and open its session.

        Returns:
            the session, and the path to go to.

        Raises:
            Gone: used, expired, or never issued; the three look alike.
        """
        ticket_hash = fingerprint(code)
        async with db.anyone() as tx:
            tenant = await self._store.whose_ticket(tx, ticket_hash)
        if tenant is not None:
            async with db.tenant(tenant) as tx:
                row = await self._store.use_ticket(tenant, tx, ticket_hash, self._clock.now())
                if row is not None:
                    who = principal(tenant, SessionId(new_id()), row, framed=False)
                    self._audit.note(tx, "ticket.used", by=acting_as(who), about=_place(who), detail={"role": who.role.value})
                    return await self._open(tx, who, ()), f"/s/{who.session}/{row['destination']}"
        raise Gone("ticket-over", "This link was used already or is too old.", phase="session.ticket")

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have something to sweep."""
        return await self._store.whose_over(db, self._clock.now() - KEPT, after, most)

    async def sweep(self, tx: Tx, *, keep: timedelta = KEPT) -> int:
        """Forget what ended longer ago than `keep`."""
        return await self._store.sweep(_tenant(tx), tx, self._clock.now() - keep)

    async def _open(self, tx: Tx, who: Principal, frame_origins: tuple[str, ...], idle: timedelta | None = None) -> OpenedSession:
        secret, now = new_secret(), self._clock.now()
        row = SessionRow(who, fingerprint(secret), frame_origins, now, now + self._absolute, None, idle or self._idle)
        await self._store.add_session(_tenant(tx), tx, row)
        self._audit.note(tx, "session.opened", by=acting_as(who), about=_place(who), detail={"role": who.role.value})
        epoch = self._cache.epoch
        tx.after_commit(lambda: self._cache.put(who.session, row, epoch))  # its first page is about to be asked for
        SESSIONS.labels(who.role.value).inc()
        return OpenedSession(who, session_cookie(who.session, secret, top_level=who.member is not None))

    async def _find(self, db: Database, sid: SessionId, *, used: bool = True) -> SessionRow | None:
        known = self._cache.get(sid)
        if known is not None and not (used and known.to_be_touched(self._clock.now())):
            PROOFS.labels("cache").inc()
            return known
        PROOFS.labels("database").inc()
        epoch = self._cache.epoch
        row = await self._reader.find(db, sid, used=used)
        if row is not None:
            self._cache.put(sid, row, epoch)
        return row

    async def _close(self, tx: Tx, sids: list[SessionId]) -> None:
        now: datetime = self._clock.now()
        closed = await self._store.close(_tenant(tx), tx, sids, now)
        for sid in closed:
            self._audit.note(tx, "session.closed", by=acting(), about=("session", sid))
        for start in range(0, len(closed), _PER_NOTICE):
            await tx.notify(CHANNEL, "closed " + " ".join(str(sid) for sid in closed[start : start + _PER_NOTICE]))
        tx.after_commit(lambda: self._gone(closed))

    def _heard(self, payload: str) -> None:
        what, *names = payload.split()
        sids = [SessionId(UUID(name)) for name in names]
        self._forget(sids)
        if what == "closed":
            self._gone(sids)

    def _forget(self, sids: Iterable[SessionId]) -> None:
        for sid in sids:
            self._cache.drop(sid)

    def _gone(self, sids: Iterable[SessionId]) -> None:
        for sid in sids:
            self._cache.drop(sid)
            for tell in self.on_closed:
                tell(sid)


def _place(who: Principal) -> tuple[str, object]:
    """What a session gives access to, for the audit: the visit, or where it is about none, itself."""
    return ("session", who.session) if who.visit is None else ("visit", who.visit)


def _tenant(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("sessions belong to a tenant: use db.tenant(...)")
    return tx.tenant
