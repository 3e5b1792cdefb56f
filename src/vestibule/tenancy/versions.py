"""What connections are, were and are to be, for whoever looks; and the steps that every change of one is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from vestibule.errors import Conflict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, MemberId
from vestibule.kit.pageful import Page, named_place, page_of, sane
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.differences import differences
from vestibule.tenancy.judging import judge_complete, judge_content, judge_secret, refuse
from vestibule.tenancy.model import (
    Change,
    Connection,
    ConnectionLine,
    Content,
    Organisation,
    Version,
    VersionState,
    approval_needed,
    connection_of,
)
from vestibule.tenancy.service import CHANNEL, Tenancy, bound, found
from vestibule.tenancy.store import Head, Kept, OrganisationStore, VersionStore

MayApprove = Callable[[Tx, MemberId], Awaitable[bool]]


class Versions:
    """Reads versions. `Approvals` changes them and is the only one to use the steps."""

    def __init__(self, clock: Clock, tenancy: Tenancy, audit: Audit, *, may_approve: MayApprove, loopback_http: bool = False) -> None:
        """Say what it works with.

        Args:
            clock: tells the time.
            tenancy: makes the keys, seals the secrets.
            audit: every act is noted there.
            may_approve: whether a member of the transaction's organisation is an approver at this moment.
            loopback_http: whether records on this machine may be spoken to without TLS.
        """
        self._clock = clock
        self._tenancy = tenancy
        self._audit = audit
        self._may_approve = may_approve
        self._loopback = loopback_http
        self._store = VersionStore()
        self._organisations = OrganisationStore()

    async def newest(self, tx: Tx, connection: ConnectionId) -> Version:
        """What is being worked at or, failing that, what is in force.

        Raises:
            NotFound: no-such-thing.
        """
        head = await self._head(tx, connection)
        return (await self._version(tx, connection, head.newest)).version

    async def newest_of(self, tx: Tx, connections: Sequence[ConnectionId]) -> dict[ConnectionId, Version]:
        """The same of several, for lists; what is not there, or was removed, is left out."""
        return {version.connection: version for version in await self._store.newest_of(bound(tx), tx, connections)}

    async def in_force(self, tx: Tx, connection: ConnectionId) -> Version | None:
        """What serves launches.

        Raises:
            NotFound: no-such-thing.
        """
        head = await self._head(tx, connection)
        return (await self._version(tx, connection, head.version)).version if head.version else None

    async def history(self, tx: Tx, connection: ConnectionId) -> list[Version]:
        """Every version there was, newest first; of a removed connection too."""
        return await self._store.history(bound(tx), tx, connection)

    async def candidate(self, tx: Tx, connection: ConnectionId) -> Connection:
        """The newest version as a connection, secret and all, for whoever tries it out before it is in force.

        Raises:
            NotFound: no-such-thing.
        """
        head = await self._head(tx, connection)
        kept = await self._version(tx, connection, head.newest)
        secret = self._tenancy.opened(bound(tx), connection, kept.sealed)
        return connection_of(bound(tx), connection, kept.version.content, secret, serving=head.serving, version=head.version)

    async def changes(self, tx: Tx, connection: ConnectionId) -> list[Change]:
        """What the newest version would change of what is in force; all of it, where nothing is.

        Raises:
            NotFound: no-such-thing.
        """
        head = await self._head(tx, connection)
        now = await self._version(tx, connection, head.newest)
        was = await self._version(tx, connection, head.version) if head.version else None
        return differences(was.version if was else None, now.version, secret=_secret_change(was.sealed if was else None, now.sealed))

    async def lines(
        self, tx: Tx, *, search: str = "", environment: str = "", state: str = "", after: str = "", limit: int = 50
    ) -> Page[ConnectionLine]:
        """Connections by name.

        Args:
            tx: of the organisation.
            search: part of a name or of a FHIR base URL, in any case.
            environment: `test` or `production`; empty for both.
            state: of the newest version (`draft`, `awaiting` ...), or `serving`; empty for any.
            after: `next` of the page before.
            limit: how many at most.
        """
        limit = sane(limit)
        asked = search.strip()[:200].replace("\x00", "")
        place = named_place(after)
        rows = await self._store.lines(bound(tx), tx, search=asked, environment=environment, state=state, after=place, limit=limit + 1)
        return page_of(rows, limit, lambda one: (one.name, str(one.id)))

    # ------------------------------------------------------------------ steps of every change

    async def _head(self, tx: Tx, connection: ConnectionId) -> Head:
        return found(await self._store.head(bound(tx), tx, connection))

    async def _version(self, tx: Tx, connection: ConnectionId, number: int) -> Kept:
        return found(await self._store.version(bound(tx), tx, connection, number))

    async def _organisation(self, tx: Tx) -> Organisation:
        return found(await self._organisations.organisation(bound(tx), tx))

    async def _looked_at(self, tx: Tx, connection: ConnectionId, revision: int, *, phase: str) -> tuple[Head, Kept]:
        """The newest version, if it is still the one that was looked at; nobody changes it before this transaction is over."""
        await self._store.lock(bound(tx), tx)
        head = await self._head(tx, connection)
        if head.revision != revision:
            raise Conflict(
                "connection-changed", "Somebody has changed this connection meanwhile. Nothing was done; look at it again.", phase=phase
            )
        return head, await self._version(tx, connection, head.newest)

    async def _keep(self, tx: Tx, kept: Kept) -> Version:
        """Write a version down as the newest of its connection."""
        await self._store.put_version(bound(tx), tx, kept)
        await self._store.point(bound(tx), tx, kept.version)
        return replace(kept.version, has_secret=kept.sealed is not None)

    async def _into_force(self, tx: Tx, head: Head, kept: Kept, member: MemberId | None, by: Actor) -> Version:
        """From the commit on, this version serves."""
        tenant, now, connection = bound(tx), self._clock.now(), kept.version.connection
        version = replace(kept.version, state=VersionState.APPROVED, decided_by=member, decided_at=now, changed_at=now)
        was = await self._version(tx, connection, head.version) if head.version else None
        await self._store.replace(tenant, tx, connection, VersionState.APPROVED)
        await self._store.put_content(tenant, tx, connection, version.content, kept.sealed)
        moved = was is None or was.version.content.iss != version.content.iss
        await self._store.serve(tenant, tx, connection, version.number, at=now, moved=moved)
        await tx.notify(CHANNEL, str(connection))
        self._note(tx, "connection.in-force", by, version)
        return await self._keep(tx, Kept(version, kept.sealed))

    def _note(self, tx: Tx, action: str, by: Actor, version: Version) -> None:
        about = ("connection", version.connection)
        self._audit.note(tx, action, by=by, about=about, detail={"version": str(version.number)})

    # ------------------------------------------------------------------ judging

    async def _judge(self, tx: Tx, connection: ConnectionId, content: Content, secret: str, *, phase: str) -> None:
        """Refuse a draft that could never be used."""
        wrong = judge_content(content, loopback_http=self._loopback) | judge_secret(secret)
        if bound(tx) in content.shared_with:
            wrong["shared_with"] = "shared-with-self"
        if content.iss and "iss" not in wrong and (code := await self._same_iss(tx, connection, content)):
            wrong["iss"] = code
        refuse(wrong, phase=phase)

    async def _judge_complete(self, tx: Tx, kept: Kept, *, needs_approver: bool, phase: str) -> None:
        """Refuse what lacks something, or what another connection stands against; looked at again at the moment it goes into force."""
        content = kept.version.content
        wrong = judge_complete(content, has_secret=kept.sealed is not None, needs_approver=needs_approver)
        if needs_approver and content.approver is not None and not await self._may_approve(tx, content.approver):
            wrong["approver"] = "approver-role"
        if content.iss and (code := await self._same_iss(tx, kept.version.connection, content)):
            wrong["iss"] = code
        elif content.iss and not await self._store.open_to(bound(tx), tx, content.iss):
            wrong["iss"] = "iss-taken"
        refuse(wrong, phase=phase)

    async def _same_iss(self, tx: Tx, connection: ConnectionId, content: Content) -> str:
        """One address is one connection of an organisation, and so one environment."""
        others = await self._store.same_iss(bound(tx), tx, connection, content.iss)
        if not others:
            return ""
        return "iss-both-environments" if content.environment not in others else "iss-duplicate"

    async def _needs_approval(self, tx: Tx, head: Head, version: Version) -> bool:
        """Whether somebody must approve. What serves a record that needs approval is not freed of it by being called another vendor's."""
        organisation = await self._organisation(tx)
        vendors = {version.content.vendor}
        if head.version:
            vendors.add((await self._version(tx, version.connection, head.version)).version.content.vendor)
        return any(approval_needed(vendor, organisation) for vendor in vendors)


def _secret_change(was: bytes | None, now: bytes | None) -> str:
    """What happened to the secret. A sealed one that was not touched is the same to the byte; sealed anew it never is."""
    if was == now:
        return ""
    return "added" if was is None else "removed" if now is None else "changed"
