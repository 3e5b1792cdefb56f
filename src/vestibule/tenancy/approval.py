"""Versions of connections: drafts, submission, approval. What serves launches is what was approved, or needed no approval.

    start ──> DRAFT ──submit──> AWAITING ──approve──> APPROVED (in force) ──next approval──> REPLACED
                ^  <──withdraw──   |   └──reject──> REJECTED
                └──── save ────────┴──────── save (a new number) ──────────┘

Whoever changes something says which revision they looked at; it grows with everything that happens to the connection, so that a stale
form, a replayed click and an approval of something other than what was shown are all the same mistake: `connection-changed`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vestibule.errors import Conflict, NotAllowed
from vestibule.kit.ids import ConnectionId, MemberId, new_id
from vestibule.platform.audit import Actor
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import judge_reason, refuse
from vestibule.tenancy.model import Content, Version, VersionState
from vestibule.tenancy.service import CHANNEL, ConnectionKey, bound
from vestibule.tenancy.store import Head, Kept
from vestibule.tenancy.versions import Versions

_SAVE: Final = "connection.save"
_SUBMIT: Final = "connection.submit"
_APPROVAL: Final = "approval"
_OPEN: Final = (VersionState.DRAFT, VersionState.AWAITING)


class Approvals(Versions):
    """Changes connections, within the organisation of `tx`. Who may call them is the routes' business, except who approves."""

    # ------------------------------------------------------------------ writing

    async def start(self, tx: Tx, content: Content, *, secret: str = "", by: Actor, member: MemberId | None = None) -> Version:
        """A new connection, as a draft; its keys are made and published, so that the record can be told of them.

        Raises:
            InvalidFields: naming the fields.
        """
        connection, tenant = ConnectionId(new_id()), bound(tx)
        await self._store.lock(tenant, tx)
        await self._judge(tx, connection, content, secret, phase=_SAVE)
        nothing = Version(connection, 0, 0, VersionState.APPROVED, content, False, None, self._clock.now())
        version = self._written(nothing, content, 1, member)
        await self._store.put_content(tenant, tx, connection, content, None)
        self._note(tx, "connection.started", by, version)
        started = await self._keep(tx, Kept(version, self._tenancy.seal(tenant, connection, secret)))
        await self.rotate(tx, connection, by=by)
        return started

    async def save(
        self,
        tx: Tx,
        connection: ConnectionId,
        content: Content,
        *,
        revision: int,
        secret: str | None = None,
        by: Actor,
        member: MemberId | None = None,
    ) -> Version:
        """Change the draft; where the newest version is no draft, begin one on top of it. What is in force goes on serving.

        Args:
            tx: of the organisation.
            connection: which.
            content: the whole of it.
            revision: of what the writer looked at.
            secret: a new client secret; an empty text takes it away, None leaves it.
            by: for the audit.
            member: who writes, where it is a person.

        Raises:
            InvalidFields: naming the fields. Conflict: connection-changed. NotFound: no-such-thing.
        """
        head, was = await self._looked_at(tx, connection, revision, phase=_SAVE)
        await self._judge(tx, connection, content, secret or "", phase=_SAVE)
        if secret is None and content == was.version.content and was.version.state is not VersionState.REJECTED:
            return was.version  # nothing to save; and nobody's submission is taken back by it
        tenant = bound(tx)
        sealed = was.sealed if secret is None else self._tenancy.seal(tenant, connection, secret)
        number = was.version.number
        if was.version.state is not VersionState.DRAFT:
            await self._store.replace(tenant, tx, connection, VersionState.AWAITING)
            number = await self._store.next_number(tenant, tx, connection)
        version = self._written(was.version, content, number, member)
        if head.version == 0:
            await self._store.put_content(tenant, tx, connection, content, None)
        self._note(tx, "connection.saved", by, version)
        return await self._keep(tx, Kept(version, sealed))

    async def discard(self, tx: Tx, connection: ConnectionId, *, revision: int, by: Actor) -> Version:
        """Give up what is being worked at and go back to what is in force.

        Raises:
            Conflict: connection-changed; connection-not-in-force, when there is nothing to go back to. NotFound: no-such-thing.
        """
        head, was = await self._looked_at(tx, connection, revision, phase=_SAVE)
        if not head.version:
            raise Conflict("connection-not-in-force", "Nothing of this connection is in force yet. You can remove it instead.", phase=_SAVE)
        if head.newest == head.version:
            return was.version
        kept = await self._version(tx, connection, head.version)
        await self._store.replace(bound(tx), tx, connection, *_OPEN)
        self._note(tx, "connection.discarded", by, was.version)
        return await self._keep(tx, Kept(replace(kept.version, revision=revision + 1), kept.sealed))

    async def remove(self, tx: Tx, connection: ConnectionId, *, revision: int, by: Actor) -> None:
        """It answers no launch any more and stands in no list; visits under way go on, and its past stays.

        Raises:
            Conflict: connection-changed. NotFound: no-such-thing.
        """
        _, was = await self._looked_at(tx, connection, revision, phase=_SAVE)
        await self._store.replace(bound(tx), tx, connection, *_OPEN, VersionState.APPROVED)
        await self._store.remove(bound(tx), tx, connection, revision=revision + 1, at=self._clock.now())
        await tx.notify(CHANNEL, str(connection))
        self._note(tx, "connection.removed", by, was.version)

    async def rotate(self, tx: Tx, connection: ConnectionId, *, by: Actor) -> list[ConnectionKey]:
        """New keys for what the connection signs with: published at once, signing a day later, the old ones published a day longer.

        Raises:
            Conflict: keys-rotating. NotFound: no-such-thing.
        """
        await self._store.lock(bound(tx), tx)
        await self._head(tx, connection)
        if any(key.active_from > self._clock.now() for key in await self._tenancy.signing_keys(tx, connection)):
            raise Conflict("keys-rotating", "New keys are on their way already. Wait until they sign.", phase="tenancy.keys")
        made = await self._tenancy.rotate_keys(tx, connection, ("ES384", "RS384"))
        for key in made:
            self._audit.note(tx, "key.made", by=by, about=("connection", connection), detail={"kid": key.key.kid, "alg": key.key.alg})
        return made

    # ------------------------------------------------------------------ deciding

    async def submit(self, tx: Tx, connection: ConnectionId, *, revision: int, by: Actor, member: MemberId | None = None) -> Version:
        """Ask the approver; where no approval is needed, it goes into force at once.

        Raises:
            InvalidFields: what is missing, or stands against it (`iss-taken`, `approver-role`).
            Conflict: connection-changed; connection-not-draft. NotAllowed: submit-needs-person. NotFound: no-such-thing.
        """
        head, was = await self._looked_at(tx, connection, revision, phase=_SUBMIT)
        if was.version.state is not VersionState.DRAFT:
            raise Conflict("connection-not-draft", "There is no draft of this connection to submit.", phase=_SUBMIT)
        needed = await self._needs_approval(tx, head, was.version)
        await self._judge_complete(tx, was, needs_approver=needed, phase=_SUBMIT)
        if needed and member is None and (await self._organisation(tx)).two_persons:
            raise NotAllowed(
                "submit-needs-person",
                "Two persons are needed here: a program may prepare a version, but a person must submit it.",
                phase=_SUBMIT,
            )
        now = self._clock.now()
        version = replace(
            was.version, state=VersionState.AWAITING, revision=revision + 1, submitted_by=member, submitted_at=now, changed_at=now
        )
        self._note(tx, "connection.submitted", by, version)
        if needed:
            return await self._keep(tx, Kept(version, was.sealed))
        return await self._into_force(tx, head, Kept(version, was.sealed), None, by)

    async def withdraw(self, tx: Tx, connection: ConnectionId, *, revision: int, by: Actor) -> Version:
        """Take a submission back: it is a draft again.

        Raises:
            Conflict: connection-changed; approval-not-awaited. NotFound: no-such-thing.
        """
        _, was = await self._looked_at(tx, connection, revision, phase=_SUBMIT)
        if was.version.state is not VersionState.AWAITING:
            raise _not_awaited(_SUBMIT)
        version = replace(
            was.version, state=VersionState.DRAFT, revision=revision + 1, submitted_by=None, submitted_at=None, changed_at=self._clock.now()
        )
        self._note(tx, "connection.withdrawn", by, version)
        return await self._keep(tx, Kept(version, was.sealed))

    async def approve(
        self, tx: Tx, connection: ConnectionId, *, version: int, revision: int, by: Actor, member: MemberId | None, proved: bool
    ) -> Version:
        """Put the version into force that the approver has looked at.

        Args:
            tx: of the organisation.
            connection: which.
            version: its number, and `revision`, as they stood on the approver's page.
            revision: see there.
            by: for the audit.
            member: who approves.
            proved: whether they have just signed in to that EHR.

        Raises:
            NotAllowed: approver-wrong-person, approver-second-person, approval-without-proof.
            Conflict: approval-not-awaited, connection-changed. NotFound: no-such-thing.
            InvalidFields: `iss-taken`, when another organisation was quicker.
        """
        head, was = await self._decided(tx, connection, version, revision, member)
        await self._check_second_person(tx, was.version, member)
        if not proved:
            raise NotAllowed("approval-without-proof", "Sign in to the record first, to show that you belong to it.", phase=_APPROVAL)
        await self._judge_complete(tx, was, needs_approver=True, phase=_APPROVAL)
        now = replace(was.version, revision=revision + 1, changed_at=self._clock.now())
        self._note(tx, "connection.approved", by, now)
        return await self._into_force(tx, head, Kept(now, was.sealed), member, by)

    async def reject(
        self, tx: Tx, connection: ConnectionId, *, version: int, revision: int, reason: str, by: Actor, member: MemberId | None
    ) -> Version:
        """Send it back with a reason of 1 to 500 characters.

        Raises:
            InvalidFields: `reason`. NotAllowed: approver-wrong-person. Conflict: approval-not-awaited, connection-changed.
            NotFound: no-such-thing.
        """
        refuse(judge_reason(reason), phase=_APPROVAL)
        _, was = await self._decided(tx, connection, version, revision, member)
        now = self._clock.now()
        rejected = replace(
            was.version,
            state=VersionState.REJECTED,
            revision=revision + 1,
            changed_at=now,
            decided_by=member,
            decided_at=now,
            reason=reason.strip(),
        )
        self._note(tx, "connection.rejected", by, rejected)
        return await self._keep(tx, Kept(rejected, was.sealed))

    # ------------------------------------------------------------------ steps

    async def _decided(self, tx: Tx, connection: ConnectionId, version: int, revision: int, member: MemberId | None) -> tuple[Head, Kept]:
        """The version to decide about, if it is awaited, is what was looked at, and this is the person who was asked."""
        await self._store.lock(bound(tx), tx)
        head = await self._head(tx, connection)
        was = await self._version(tx, connection, head.newest)
        if member is None or member != was.version.content.approver or not await self._may_approve(tx, member):
            raise NotAllowed("approver-wrong-person", "Only the approver who was named can decide about this connection.", phase=_APPROVAL)
        if was.version.state is not VersionState.AWAITING or was.version.number != version:
            raise _not_awaited(_APPROVAL)
        return await self._looked_at(tx, connection, revision, phase=_APPROVAL)

    async def _check_second_person(self, tx: Tx, version: Version, member: MemberId | None) -> None:
        if not (await self._organisation(tx)).two_persons:
            return
        # A version no person submitted has had at most one person look at it, whoever that was.
        if version.submitted_by is None or member in {*version.authors, version.submitted_by}:
            raise NotAllowed(
                "approver-second-person",
                "Two persons are needed here: you have worked at this version yourself, so somebody else must approve it.",
                phase=_APPROVAL,
            )

    def _written(self, was: Version, content: Content, number: int, member: MemberId | None) -> Version:
        """The draft that `was` becomes by being written at."""
        authors = () if was.state is VersionState.APPROVED else was.authors
        return Version(
            connection=was.connection,
            number=number,
            revision=was.revision + 1,
            state=VersionState.DRAFT,
            content=content,
            has_secret=was.has_secret,
            made_by=member,
            changed_at=self._clock.now(),
            authors=tuple(dict.fromkeys((*authors, *([member] if member else [])))),
        )


def _not_awaited(phase: str) -> Conflict:
    return Conflict("approval-not-awaited", "This version does not wait for approval: it was decided, withdrawn or changed.", phase=phase)
