"""The people of an organisation: invited by a one-time link, known by what their sign-in calls them, allowed what their roles say.

A person may belong to several organisations and has a row in each. Whoever loses a role or is removed loses every session at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, NotFound
from vestibule.identity.model import Invited, Member, MemberState, Person, Role, StaffRole
from vestibule.identity.service import Identity, OpenedSession
from vestibule.identity.staff.store import StaffStore
from vestibule.kit.clock import Clock
from vestibule.kit.ids import MemberId, TenantId, fingerprint, new_id, new_secret
from vestibule.kit.pageful import Page, cursor, keys_of
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.protocols.oidc import directory_of

INVITATION_DAYS: Final = timedelta(days=7)
_MAX_NAME: Final = 200
_MAX_EMAIL: Final = 320
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_PHASE: Final = "members"


class Members:
    """Who works for an organisation. Methods taking `tx` act within its tenant."""

    def __init__(self, *, clock: Clock, identity: Identity, audit: Audit) -> None:
        self._clock = clock
        self._identity = identity
        self._audit = audit
        self._store = StaffStore()

    # ------------------------------------------------------------------ those an organisation has

    async def listing(self, tx: Tx, *, search: str = "", after: str = "", limit: int = 50) -> Page[Member]:
        """Members and invitations by name, a page at a time."""
        keys = keys_of(after, 2) or ("", "")
        found = await self._store.listing(_tenant(tx), tx, clean(search), keys, limit + 1)
        more = cursor(*found[limit - 1][1]) if len(found) > limit else ""
        return Page([member for member, _ in found[:limit]], more)

    async def get(self, tx: Tx, member: MemberId) -> Member:
        """One member, removed ones too.

        Raises:
            NotFound: `member-not-found`.
        """
        found = await self._store.get(_tenant(tx), tx, member)
        if found is None:
            raise NotFound("member-not-found", "There is no such person in this organisation.", phase=_PHASE)
        return found

    async def find(self, tx: Tx, member: MemberId) -> Member | None:
        """The same, or nobody."""
        return await self._store.get(_tenant(tx), tx, member)

    async def several(self, tx: Tx, members: Collection[MemberId]) -> dict[MemberId, Member]:
        """The same of several, for lists: those who are known, removed ones too."""
        return {one.id: one for one in await self._store.several(_tenant(tx), tx, members)} if members else {}

    async def invite(self, tx: Tx, *, email: str, name: str = "", roles: Iterable[StaffRole], by: Actor) -> Invited:
        """Invite somebody; inviting the same address again makes a new link, and the old one leads nowhere.

        Raises:
            BadInput: `member-email-wrong`, `member-roles-missing`. Conflict: `member-exists`.
        """
        email, wanted = _email(email), _roles(roles)
        known = await self._store.with_email(_tenant(tx), tx, email) if email else None
        if known is not None and known.state is MemberState.ACTIVE:
            raise Conflict("member-exists", "Somebody with this e-mail address belongs to the organisation already.", phase=_PHASE)
        member, code, now = known.id if known else MemberId(new_id()), new_secret(), self._clock.now()
        await self._store.put_invitation(
            _tenant(tx),
            tx,
            member,
            email=email,
            name=clean(name)[:_MAX_NAME],
            roles=wanted,
            code_hash=fingerprint(code),
            at=now,
            expires_at=now + INVITATION_DAYS,
        )
        self._audit.note(tx, "member.invited", by=by, about=("member", member), detail={"roles": _words(wanted)})
        return Invited(member, code)

    async def change_roles(self, tx: Tx, member: MemberId, roles: Iterable[StaffRole], by: Actor) -> Member:
        """Let somebody do other things than before. Who loses a role is signed out everywhere.

        Raises:
            Conflict: `member-last-administrator`. NotFound: `member-not-found`. BadInput: `member-roles-missing`.
        """
        wanted = _roles(roles)
        was = await self._present(tx, member)
        if wanted == was.roles:
            return was
        if StaffRole.ADMINISTRATOR not in wanted:
            await self._keep_an_administrator(tx, was)
        await self._store.set_roles(_tenant(tx), tx, member, wanted)
        if was.roles - wanted:
            await self._identity.close_member_sessions(tx, member)
        else:
            await self._identity.reread_member_sessions(tx, member)
        detail = {"was": _words(was.roles), "now": _words(wanted)}
        self._audit.note(tx, "member.roles-changed", by=by, about=("member", member), detail=detail)
        return await self.get(tx, member)

    async def remove(self, tx: Tx, member: MemberId, by: Actor) -> None:
        """Let somebody in no more: a member is signed out everywhere, an invitation leads nowhere.

        Raises:
            Conflict: `member-last-administrator`. NotFound: `member-not-found`.
        """
        was = await self._present(tx, member)
        await self._keep_an_administrator(tx, was)
        await self._store.remove(_tenant(tx), tx, member, self._clock.now())
        await self._identity.close_member_sessions(tx, member)
        self._audit.note(tx, "member.removed", by=by, about=("member", member), detail={"state": was.state.value})

    async def _present(self, tx: Tx, member: MemberId) -> Member:
        found = await self._store.get(_tenant(tx), tx, member, locked=True)
        if found is None or found.state is MemberState.REMOVED:
            raise NotFound("member-not-found", "There is no such person in this organisation.", phase=_PHASE)
        return found

    async def _keep_an_administrator(self, tx: Tx, was: Member) -> None:
        """Of two administrators who demote each other at one moment, the lock lets one come second and hear of it."""
        if was.state is not MemberState.ACTIVE or StaffRole.ADMINISTRATOR not in was.roles:
            return
        if not set(await self._store.lock_administrators(_tenant(tx), tx)) - {was.id}:
            raise Conflict(
                "member-last-administrator",
                "This is the organisation's only administrator. Make somebody else an administrator first.",
                phase=_PHASE,
            )

    # ------------------------------------------------------------------ those who come in

    async def whose_invitation(self, db: Database, code: str) -> TenantId:
        """The organisation an invitation is to.

        Raises:
            Gone: `invitation-over`: used, withdrawn or never made; these look alike.
        """
        async with db.anyone() as tx:
            found = await self._store.whose_invitation(tx, fingerprint(code))
        if found is None:
            raise _over()
        return found

    async def invitation(self, tx: Tx, code: str, *, locked: bool = False) -> Member:
        """The member an invitation is for; looking at it uses nothing up.

        Raises:
            Gone: `invitation-over`, `invitation-expired`.
        """
        found = await self._store.invited(_tenant(tx), tx, fingerprint(code), locked=locked)
        if found is None or found.invitation_expires_at is None:
            raise _over()
        if found.invitation_expires_at <= self._clock.now():
            raise Gone("invitation-expired", "This invitation is too old. Ask for a new one.", phase="sign-in.invitation")
        return found

    async def accept(self, tx: Tx, code: str, person: Person, by: Actor) -> Member:
        """Bind an invitation to who has just signed in; whoever belongs to the organisation already is given the roles besides.

        Raises:
            Gone: as `invitation` does. NotAllowed: `invitation-for-someone-else`.
        """
        tenant, now = _tenant(tx), self._clock.now()
        invited = await self.invitation(tx, code, locked=True)
        if invited.email and not person.reads_mail_of(invited.email):
            raise NotAllowed(
                "invitation-for-someone-else",
                "This invitation was sent to another e-mail address than the one you signed in with.",
                phase="sign-in.invitation",
            )
        await self._store.one_at_a_time(tenant, tx, person.issuer, person.subject)  # one person may follow two invitations at one moment
        known = await self._store.person(tenant, tx, person.issuer, person.subject)
        if known is None:
            await self._store.join(tenant, tx, invited.id, person, now)
            member = invited.id
        else:
            await self._store.remove(tenant, tx, invited.id, now)
            await self._store.set_roles(tenant, tx, known.id, known.roles | invited.roles)
            await self._identity.reread_member_sessions(tx, known.id)
            member = known.id
        self._audit.note(tx, "member.joined", by=by, about=("member", member), detail={"roles": _words(invited.roles)})
        return await self.get(tx, member)

    async def signed_in(self, tx: Tx, person: Person) -> Member | None:
        """The member somebody is here, their name and address brought up to date; None when they are none."""
        tenant = _tenant(tx)
        known = await self._store.person(tenant, tx, person.issuer, person.subject)
        if known is None:
            return None
        await self._store.note_sign_in(tenant, tx, known.id, clean(person.name)[:_MAX_NAME], person.email[:_MAX_EMAIL], self._clock.now())
        return await self.get(tx, known.id)

    async def organisations_of(
        self, db: Database, issuer: str, subject: str, *, search: str = "", after: str = "", limit: int = 50
    ) -> Page[tuple[TenantId, str]]:
        """The organisations a person belongs to, by name, a page at a time."""
        async with db.anyone() as tx:
            found = await self._store.organisations_of(tx, issuer, subject, clean(search), keys_of(after, 2), limit + 1)
        more = cursor(found[limit - 1][1].lower(), str(found[limit - 1][0])) if len(found) > limit else ""
        return Page(found[:limit], more)

    async def identity_of(self, tx: Tx, member: MemberId) -> tuple[str, str]:
        """Issuer and subject of a member, to find the other organisations they belong to."""
        return await self._store.identity_of(_tenant(tx), tx, member)

    async def directory_of(self, tx: Tx, member: MemberId) -> str:
        """The Microsoft directory a member signs in from; empty for whoever comes by another way."""
        return directory_of((await self.identity_of(tx, member))[0])

    async def open_session(self, tx: Tx, member: Member, *, idle: timedelta | None = None) -> OpenedSession:
        """Begin a session of a member.

        Raises:
            NotAllowed: `sign-in-not-a-member`.
        """
        if member.state is not MemberState.ACTIVE:
            raise NotAllowed("sign-in-not-a-member", "You do not belong to this organisation.", phase="sign-in.open")
        return await self._identity.open_session(tx, role=Role.STAFF, member=member.id, roles=member.roles, idle=idle)


def clean(text: str) -> str:
    """Text from outside without control characters, spaces at its ends, or more than one space in a row."""
    plain = "".join(" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp", "Cs"} else sign for sign in text)
    return " ".join(plain.split())


def _email(text: str) -> str:
    email = clean(text)
    if email and (len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email)):
        raise BadInput("member-email-wrong", "This is not an e-mail address.", phase=_PHASE)
    return email


def _roles(roles: Iterable[StaffRole]) -> frozenset[StaffRole]:
    wanted = frozenset(StaffRole(role) for role in roles)
    if not wanted:
        raise BadInput("member-roles-missing", "Choose at least one role.", phase=_PHASE)
    return wanted


def _words(roles: Iterable[StaffRole]) -> str:
    return " ".join(sorted(role.value for role in roles))


def _over() -> Gone:
    return Gone("invitation-over", "This invitation was used already, or is none of ours.", phase="sign-in.invitation")


def _tenant(tx: Tx) -> TenantId:
    if tx.tenant is None:
        raise RuntimeError("members belong to an organisation: use db.tenant(...)")
    return tx.tenant
