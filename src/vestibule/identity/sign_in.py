"""Staff signing in: away to where they prove who they are, back, and into an organisation of theirs.

What must survive between the halves lies in `sign_ins`: single use, ten minutes, bound to the browser by a cookie, so that nobody can be
signed in as somebody else by a link. Who belongs to several organisations chooses; the choice waits under the same conditions.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, NotFound, VestibuleError
from vestibule.identity.arrivals.store import ArrivalStore, SignInRow
from vestibule.identity.members import Members
from vestibule.identity.model import Member, Person, Principal
from vestibule.identity.ports import Asked, SignInProvider
from vestibule.identity.service import Identity, OpenedSession
from vestibule.identity.words import in_calm_words
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, fingerprint, new_id, new_secret
from vestibule.kit.pageful import Page
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import Actor, Audit, Outcome
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import SIGN_INS
from vestibule.platform.web.cookies import Cookie, Departure
from vestibule.protocols.oauth2 import Returned, new_verifier

CALLBACK: Final = "/sign-in/callback"
CHOICE: Final = "sign_in_choice"  # the cookie of somebody who chooses an organisation
_PATH: Final = "/sign-in"
_LIFETIME: Final = timedelta(minutes=10)
_BACK: Final = "sign-in.callback"
_OPEN: Final = "sign-in.open"
_DESTINATION: Final = re.compile(r"[a-z][a-z0-9-]{0,40}(/[a-z0-9-]{1,60}){0,4}")


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What an organisation says about its members' sessions.

    Attributes:
        directory: the Microsoft Entra tenant they must be of; empty: any.
        idle: after so long without use they are signed out; None: as the settings say.
    """

    directory: str = ""
    idle: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody is back. One of the three: `opened`, a `choice` to make, or neither: they belong nowhere here."""

    person: Person
    opened: OpenedSession | None = None
    choice: Cookie | None = None
    destination: str = "home"

    @property
    def path(self) -> str:
        """The first page of the session."""
        if self.opened is None:
            raise RuntimeError("nothing was opened")
        return f"/s/{self.opened.principal.session}/{self.destination}"


@dataclass(frozen=True, slots=True)
class _Away:
    """What a sign-in remembers while the browser is away."""

    provider: str
    asked: Asked
    kept: dict[str, Any]
    invitation: str
    destination: str


async def _no_rules(_: Tx) -> HouseRules:
    return HouseRules()


class SignIns:
    """Begins sign-ins and brings them home."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        identity: Identity,
        members: Members,
        audit: Audit,
        providers: Sequence[SignInProvider],
        origin: str,
        idle: timedelta,
        rules: Callable[[Tx], Awaitable[HouseRules]] = _no_rules,
    ) -> None:
        self._db = db
        self._clock = clock
        self._box = box
        self._identity = identity
        self._members = members
        self._audit = audit
        self._origin = origin
        self._idle = idle
        self._rules = rules
        self._store = ArrivalStore()
        self.providers: Mapping[str, SignInProvider] = {provider.name: provider for provider in providers}

    # ------------------------------------------------------------------ away

    async def begin(self, name: str, *, invitation: str = "", destination: str = "") -> Departure:
        """Keep what we must remember, and say where to sign in.

        Raises:
            NotFound: `sign-in-unknown-provider`. VestibuleError: what discovery met, in calm words.
        """
        provider = self.providers.get(name)
        if provider is None:
            raise NotFound("sign-in-unknown-provider", "There is no such way to sign in here.", phase="sign-in.start")
        state, browser = new_secret(), new_secret()
        asked = Asked(self._origin + callback_of(name), state, new_secret(), new_verifier())
        try:
            url, kept = await provider.depart(asked)
        except VestibuleError as error:
            raise self._said_calmly(error, name) from error
        away = {
            "nonce": asked.nonce,
            "verifier": asked.verifier,
            "kept": kept,
            "invitation": invitation,
            "destination": destination_of(destination),
        }
        await self._keep(name, away, state, browser)
        return Departure(url, Cookie(browser_cookie(state), browser, _PATH, int(_LIFETIME.total_seconds()), top_level=True))

    async def _keep(self, provider: str, facts: dict[str, Any], state: str, browser: str) -> None:
        now, key = self._clock.now(), new_id()
        sealed = self._box.seal(msgspec.json.encode(facts).decode(), about=_about(key, provider))
        row = SignInRow(key, provider, fingerprint(browser), sealed, now + _LIFETIME, None)
        async with self._db.anyone() as tx:
            await self._store.add(tx, row, fingerprint(state), now)

    # ------------------------------------------------------------------ and back

    async def finish(self, path: str, returned: Returned, cookies: Mapping[str, str], actor: Actor) -> Arrival:
        """Bring a sign-in home: prove that it is ours, ask who it is, open their session where there is but one to open.

        Raises:
            VestibuleError: with a code `sign-in-...` or `invitation-...`; the attempt is over then.
        """
        away = await self._take(path, returned.state, cookies)
        try:
            person = await self.providers[away.provider].arrive(returned, away.asked, away.kept)
        except VestibuleError as error:
            calm = self._said_calmly(error, away.provider)
            await self._note_refusal(away, calm, actor)
            raise calm from error
        try:
            return await self._enter(away, person, actor)
        except VestibuleError as error:
            SIGN_INS.labels(away.provider, error.code).inc()
            await self._note_refusal(away, error, actor)
            raise

    async def _take(self, path: str, state: str, cookies: Mapping[str, str]) -> _Away:
        """The sign-in this callback belongs to; from here on nothing else can use it."""
        browser, now = cookies.get(browser_cookie(state), ""), self._clock.now()
        async with self._db.anyone() as tx:
            row = await self._store.take(tx, fingerprint(state), fingerprint(browser), now)
        if row is None or row.provider not in self.providers:
            raise BadInput("sign-in-unknown", "We do not know this sign-in. Please start again.", phase=_BACK)
        _judge(row, browser, now)
        facts = msgspec.json.decode(self._box.open(row.sealed, about=_about(row.id, row.provider)))
        asked = Asked(self._origin + callback_of(row.provider), state, facts["nonce"], facts["verifier"])
        if path != callback_of(row.provider):  # RFC 9700 4.4.2.2: each provider has an address of its own to answer to
            raise NotAllowed("sign-in-not-trusted", "The answer did not come from the sign-in that was asked.", phase=_BACK)
        return _Away(row.provider, asked, facts["kept"], facts["invitation"], facts["destination"])

    async def _enter(self, away: _Away, person: Person, actor: Actor) -> Arrival:
        if away.invitation:
            tenant = await self._members.whose_invitation(self._db, away.invitation)
            opened = await self._open(tenant, person, actor, invitation=away.invitation)
            return Arrival(person, opened, destination=away.destination)
        mine = await self._members.organisations_of(self._db, person.issuer, person.subject, limit=2)
        if not mine.items:
            SIGN_INS.labels(person.provider, "nowhere").inc()
            log.info("sign-in-nowhere", reference=actor.reference)
            return Arrival(person)
        if len(mine.items) == 1:
            return Arrival(person, await self._knock(mine.items[0][0], person, actor), destination=away.destination)
        secret = new_secret()
        await self._keep("", {"person": msgspec.to_builtins(person), "destination": away.destination}, secret, secret)
        return Arrival(person, choice=Cookie(CHOICE, secret, _PATH, int(_LIFETIME.total_seconds()), top_level=True))

    async def _open(self, tenant: TenantId, person: Person, actor: Actor, *, invitation: str = "") -> OpenedSession:
        """Who may come in, as the organisation itself says."""
        async with self._db.tenant(tenant) as tx:
            if invitation:
                await self._members.accept(tx, invitation, person, actor)
            member = await self._members.signed_in(tx, person)
            if member is None:  # before anything else: whether there is such an organisation is not for strangers to learn
                raise NotAllowed("sign-in-not-a-member", "You do not belong to this organisation.", phase=_OPEN)
            rules = await self._rules(tx)
            if rules.directory and f"/{rules.directory.lower()}/" not in person.issuer:
                raise NotAllowed(
                    "sign-in-wrong-directory",
                    "This organisation lets in only accounts of its own Microsoft Entra directory.",
                    phase=_OPEN,
                )
            opened = await self._members.open_session(tx, member, idle=rules.idle or self._idle)
            self._note_success(tx, member, opened, person, actor)
        SIGN_INS.labels(person.provider, "in").inc()
        return opened

    def _note_success(self, tx: Tx, member: Member, opened: OpenedSession, person: Person, actor: Actor) -> None:
        who = replace(actor, kind="staff", id=str(member.id), session=str(opened.principal.session))
        self._audit.note(tx, "sign-in.succeeded", by=who, about=("member", member.id), detail={"by": person.provider})

    async def _note_refusal(self, away: _Away, error: VestibuleError, actor: Actor) -> None:
        """Where it is known which organisation was knocked at, its audit says so; the log says it always."""
        log.warning("sign-in-refused", code=error.code, reference=actor.reference)
        if away.invitation:
            try:
                tenant = await self._members.whose_invitation(self._db, away.invitation)
            except Gone:
                return
            await self._refused(tenant, error, actor)

    async def _refused(self, tenant: TenantId, error: VestibuleError, actor: Actor) -> None:
        async with self._db.tenant(tenant) as tx:
            self._audit.note(tx, "sign-in.refused", by=actor, outcome=Outcome.REFUSED, detail={"code": error.code})

    def _said_calmly(self, error: VestibuleError, provider: str) -> VestibuleError:
        calm = in_calm_words(error)
        SIGN_INS.labels(provider, calm.code).inc()
        log.warning("sign-in-failed", code=calm.code, error=error.code, phase=error.phase)
        return calm

    # ------------------------------------------------------------------ several organisations

    async def choices(self, cookies: Mapping[str, str], *, search: str = "", after: str = "") -> Page[tuple[TenantId, str]]:
        """The organisations of somebody who has signed in and not chosen yet.

        Raises:
            Gone: `sign-in-choice-over`.
        """
        person, _, _ = await self._waiting(cookies)
        return await self._members.organisations_of(self._db, person.issuer, person.subject, search=search, after=after)

    async def choose(self, cookies: Mapping[str, str], tenant: TenantId, actor: Actor) -> Arrival:
        """Open the session in the organisation that was chosen; a sign-in gives one choice.

        Raises:
            Gone: `sign-in-choice-over`. NotAllowed: `sign-in-not-a-member`, `sign-in-wrong-directory`.
        """
        person, destination, secret = await self._waiting(cookies)
        opened = await self._knock(tenant, person, actor)
        async with self._db.anyone() as tx:
            await self._store.take(tx, fingerprint(secret), fingerprint(secret), self._clock.now())
        return Arrival(person, opened, destination=destination)

    async def switch(self, principal: Principal, tenant: TenantId, actor: Actor) -> OpenedSession:
        """Open a session in another organisation of the same person, by the same sign-in; the session they leave ends.

        Raises:
            NotAllowed: `sign-in-not-a-member`, `sign-in-wrong-directory`.
        """
        issuer, subject = await self._who_is(principal)
        opened = await self._knock(tenant, Person("switch", issuer, subject), replace(actor, kind="nobody", id="", session=""))
        async with self._db.tenant(principal.tenant) as tx:
            await self._identity.close_session(tx, principal.session)
            self._audit.note(tx, "session.signed-out", by=actor, about=("member", principal.member), detail={"by": "switch"})
        return opened

    async def sign_out(self, principal: Principal, actor: Actor) -> None:
        """End the session, on every node at once."""
        async with self._db.tenant(principal.tenant) as tx:
            await self._identity.close_session(tx, principal.session)
            self._audit.note(tx, "session.signed-out", by=actor, about=("member", principal.member))

    async def sweep(self) -> int:
        """Forget sign-ins whose time is over."""
        async with self._db.anyone() as tx:
            return await self._store.sweep(tx, self._clock.now())

    async def _knock(self, tenant: TenantId, person: Person, actor: Actor) -> OpenedSession:
        """Only at the doors of organisations they belong to: whether another exists is nobody's business."""
        try:
            return await self._open(tenant, person, actor)
        except NotAllowed as error:
            if error.code == "sign-in-wrong-directory":
                await self._refused(tenant, error, actor)
            raise

    async def _who_is(self, principal: Principal) -> tuple[str, str]:
        if principal.member is None:
            raise NotAllowed("role-not-allowed", "This page is not for you.", phase="session")
        async with self._db.tenant(principal.tenant) as tx:
            return await self._members.identity_of(tx, principal.member)

    async def _waiting(self, cookies: Mapping[str, str]) -> tuple[Person, str, str]:
        secret = cookies.get(CHOICE, "")
        async with self._db.anyone() as tx:
            row = await self._store.look(tx, fingerprint(secret), self._clock.now())
        if row is None:
            raise Gone("sign-in-choice-over", "This took too long. Please sign in again.", phase="sign-in.choice")
        facts = msgspec.json.decode(self._box.open(row.sealed, about=_about(row.id, "")))
        return msgspec.convert(facts["person"], Person), facts["destination"], secret


def callback_of(provider: str) -> str:
    """Where a provider sends the browser back to: each has its own, Microsoft the plain one."""
    return CALLBACK if provider == "entra" else f"{CALLBACK}/{provider}"


def browser_cookie(state: str) -> str:
    """The cookie of one sign-in, so that two in one browser never meet."""
    return "i_" + fingerprint(state)[:12].hex()


def destination_of(text: str) -> str:
    """Which page of the portal to open first: only ever one of ours, below the new session's own path."""
    return text if _DESTINATION.fullmatch(text) else "home"


def _judge(row: SignInRow, browser: str, now: datetime) -> None:
    """Is this the browser that left, in time, and for the first time? Another browser uses nothing up."""
    if not hmac.compare_digest(fingerprint(browser), row.browser_hash):
        raise NotAllowed("sign-in-other-browser", "This sign-in was begun in another window or browser. Please start again.", phase=_BACK)
    if row.used_at is not None:
        raise Conflict("sign-in-used", "This sign-in was used already. Please start again.", phase=_BACK)
    if now >= row.expires_at:
        raise Gone("sign-in-expired", "This sign-in took too long. Please start again.", phase=_BACK)


def _about(key: UUID, provider: str) -> str:
    return f"sign-in:{key}:{provider}"
