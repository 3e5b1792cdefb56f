"""A clinician proves once who they are in the organisation's Microsoft directory: away to Microsoft, back, bound to who the record says.

What must survive between the halves lies in `meeting_sign_ins`: single use, ten minutes, bound to the browser that left by a cookie and to
the session by its sealed contents, so that nobody can be bound to somebody else's account by a link, nor bind somebody else to theirs.
Whether the account can also hold meetings only Microsoft Graph knows: it is asked afterwards, and what it says takes nothing back.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, VestibuleError
from vestibule.identity.model import Principal
from vestibule.identity.ports import Asked
from vestibule.identity.service import Identity
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, SessionId, TenantId, VisitId, fingerprint, new_id, new_secret
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.bindings import Bindings, nobody
from vestibule.meetings.calming import in_calm_words
from vestibule.meetings.model import CloudSeen
from vestibule.meetings.ports import Cloud, Directory
from vestibule.meetings.setting import MeetingSettings
from vestibule.meetings.store.bindings import SignInRow, SignInStore
from vestibule.platform.audit import Actor, Audit, Outcome
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import SIGN_INS
from vestibule.platform.web.cookies import Cookie, Departure
from vestibule.protocols.oauth2 import Returned, new_verifier
from vestibule.tenancy.model import Tenant
from vestibule.tenancy.service import Tenancy, bound
from vestibule.visits.model import Participant, Visit
from vestibule.visits.service import Visits

CALLBACK: Final = "/meetings/teams/callback"
PATH: Final = "/meetings/teams"  # of the cookie
_LIFETIME: Final = timedelta(minutes=10)
_BACK: Final = "meeting.sign-in"
_PROBE_SECONDS: Final = 8.0
_METRIC: Final = "teams"  # the `provider` of its metric


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sign-in that is over.

    Attributes:
        session: whose page to go on with.
        code: why nothing came of it; empty when they are bound.
    """

    session: SessionId
    code: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a clinician stands.

    Attributes:
        connected: the organisation has entered its Microsoft 365; without it there is nowhere to sign in.
        known: the record has said who they are.
        object_id: who they are at Microsoft; empty when they have not signed in.
    """

    organisation: Tenant
    connected: bool
    known: bool
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class _Away:
    """What a sign-in remembers while the browser is away."""

    asked: Asked
    kept: dict[str, Any]
    session: SessionId
    visit: VisitId
    participant: ParticipantId
    application: str


class MicrosoftSignIns:
    """Begins one-time sign-ins and brings them home."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        audit: Audit,
        identity: Identity,
        tenancy: Tenancy,
        visits: Visits,
        settings: MeetingSettings,
        bindings: Bindings,
        directory: Directory,
        cloud: Cloud,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._box = box
        self._audit = audit
        self._identity = identity
        self._tenancy = tenancy
        self._visits = visits
        self._settings = settings
        self._bindings = bindings
        self._directory = directory
        self._cloud = cloud
        self._origin = origin
        self._store = SignInStore()

    # ------------------------------------------------------------------ how they stand

    async def look(self, principal: Principal) -> Standing:
        """Whether there is somewhere to sign in, and whether they have."""
        async with self._db.tenant(principal.tenant) as tx:
            visit, person = await self._who(tx, principal)
            settings, organisation = await self._settings.get(tx), await self._tenancy.tenant(tx)
            if person is None or visit.connection is None or not person.person:
                return Standing(organisation, settings.connected, known=False)
            object_id = await self._bindings.object_id(tx, visit.connection, person)
            return Standing(organisation, settings.connected, known=True, object_id=object_id)

    async def probe(self, principal: Principal, object_id: str) -> str:
        """Whether a meeting could be made for this account: empty, or the code of what stands in the way. Changes nothing.

        What cannot be found out just now is nothing that stands in the way: making the meeting says it again.
        """
        async with self._db.tenant(principal.tenant) as tx:
            account = await self._settings.account(tx)
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return _hindrance(await self._cloud.look(account, [object_id]), object_id)
        except (TimeoutError, VestibuleError) as error:
            log.info("meeting-probe-failed", code=getattr(error, "code", "timeout"))
            return ""

    # ------------------------------------------------------------------ away

    async def begin(self, principal: Principal) -> Departure:
        """Keep what we must remember, and say where to sign in.

        Raises:
            NotFound: `binding-nobody`. Conflict: `teams-not-set-up`. VestibuleError: what discovery met, in calm words.
        """
        async with self._db.tenant(principal.tenant) as tx:
            visit, person = await self._who(tx, principal)
            if person is None or visit.connection is None or not person.person:
                raise nobody()
            account = await self._settings.account(tx)
        state, browser = new_secret(), new_secret()
        asked = Asked(self._origin + CALLBACK, state, new_secret(), new_verifier())
        try:
            url, kept = await self._directory.depart(account, asked)
        except VestibuleError as error:
            raise self._said_calmly(error) from error
        away = {
            "nonce": asked.nonce,
            "verifier": asked.verifier,
            "kept": kept,
            "session": str(principal.session),
            "visit": str(visit.id),
            "participant": str(person.id),
            "application": _application(account.directory, account.client_id),
        }
        await self._keep(principal.tenant, away, state, browser)
        return Departure(url, Cookie(browser_cookie(state), browser, PATH, int(_LIFETIME.total_seconds()), top_level=True))

    async def _keep(self, tenant: TenantId, facts: dict[str, Any], state: str, browser: str) -> None:
        now, key = self._clock.now(), new_id()
        sealed = self._box.seal(msgspec.json.encode(facts).decode(), about=_about(tenant, key))
        async with self._db.tenant(tenant) as tx:
            await self._store.add(tenant, tx, SignInRow(key, fingerprint(browser), sealed, now + _LIFETIME, None), fingerprint(state), now)

    # ------------------------------------------------------------------ and back

    async def finish(self, returned: Returned, cookies: Mapping[str, str], actor: Actor) -> Arrival:
        """Bring a sign-in home: prove that it is ours, ask who it is, and bind them.

        Raises:
            VestibuleError: with a code `sign-in-...`: it is nobody's sign-in, or not this browser's. What comes after that is said on
                the clinician's own page, by the code of the answer.
        """
        tenant = await self._store.whose(self._db, fingerprint(returned.state))
        if tenant is None:
            raise _unknown()
        away = await self._take(tenant, returned.state, cookies)
        by = replace(actor, kind="visitor", id=str(away.participant), session=str(away.session))
        try:
            await self._enter(tenant, away, returned, by)
        except VestibuleError as error:
            calm = self._said_calmly(error)
            await self._note_refusal(tenant, away, calm.code, by)
            return Arrival(away.session, calm.code)
        SIGN_INS.labels(_METRIC, "in").inc()
        return Arrival(away.session)

    async def _take(self, tenant: TenantId, state: str, cookies: Mapping[str, str]) -> _Away:
        """The sign-in this callback belongs to; from here on nothing else can use it."""
        browser, now = cookies.get(browser_cookie(state), ""), self._clock.now()
        async with self._db.tenant(tenant) as tx:
            row = await self._store.take(tenant, tx, fingerprint(state), fingerprint(browser), now)
        if row is None:
            raise _unknown()
        _judge(row, browser, now)
        facts = msgspec.json.decode(self._box.open(row.sealed, about=_about(tenant, row.id)))
        asked = Asked(self._origin + CALLBACK, state, facts["nonce"], facts["verifier"])
        session, visit, participant = (UUID(facts[name]) for name in ("session", "visit", "participant"))
        return _Away(asked, facts["kept"], SessionId(session), VisitId(visit), ParticipantId(participant), facts["application"])

    async def _enter(self, tenant: TenantId, away: _Away, returned: Returned, by: Actor) -> None:
        if not await self._identity.still_open(self._db, away.session):
            raise Gone("session-over", "This page has expired. Please open your visit again.", phase=_BACK)
        async with self._db.tenant(tenant) as tx:
            account = await self._settings.account(tx)
        if _application(account.directory, account.client_id) != away.application:
            raise Conflict("teams-connection-changed", "Your organisation's connection was changed meanwhile. Sign in again.", phase=_BACK)
        who = await self._directory.arrive(account, away.asked, returned, away.kept)
        if who.guest:
            raise NotAllowed("teams-guest-account", "You signed in with a guest account.", phase=_BACK)
        async with self._db.tenant(tenant) as tx:
            visit = await self._visits.get(tx, away.visit)
            person = visit.person(away.participant)
            if person is None:
                raise nobody()
            await self._bindings.bind(tx, visit, person, who.object_id, by=by)

    async def _note_refusal(self, tenant: TenantId, away: _Away, code: str, by: Actor) -> None:
        async with self._db.tenant(tenant) as tx:
            about = ("visit", away.visit)
            self._audit.note(tx, "meeting.sign-in-refused", by=by, about=about, outcome=Outcome.REFUSED, detail={"code": code})

    def _said_calmly(self, error: VestibuleError) -> VestibuleError:
        calm = in_calm_words(error)
        SIGN_INS.labels(_METRIC, calm.code).inc()
        log.warning("sign-in-failed", code=calm.code, error=error.code, phase=error.phase)
        return calm

    async def _who(self, tx: Tx, principal: Principal) -> tuple[Visit, Participant | None]:
        if principal.visit is None or principal.participant is None:
            raise nobody()
        visit = await self._visits.get(tx, principal.visit)
        return visit, visit.person(principal.participant)

    # ------------------------------------------------------------------ tidying up

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have sign-ins whose time is over."""
        return await self._store.whose_over(db, self._clock.now(), after, most)

    async def sweep(self, tx: Tx) -> int:
        """Forget those."""
        return await self._store.sweep(bound(tx), tx, self._clock.now())


def browser_cookie(state: str) -> str:
    """The cookie of one sign-in, so that two in one browser never meet."""
    return "m_" + fingerprint(state)[:12].hex()


def _hindrance(seen: CloudSeen, object_id: str) -> str:
    """What stands in the way of a meeting: of the organisation's connection first, then of the account."""
    if not seen.signed_in:
        return seen.code or "teams-not-signed-in"
    return next((one.code for one in seen.organizers if one.object_id == object_id), "")


def _judge(row: SignInRow, browser: str, now: datetime) -> None:
    """Is this the browser that left, in time, and for the first time? Another browser uses nothing up."""
    if not hmac.compare_digest(fingerprint(browser), row.browser_hash):
        raise NotAllowed("sign-in-other-browser", "This sign-in was begun in another window or browser. Please start again.", phase=_BACK)
    if row.used_at is not None:
        raise Conflict("sign-in-used", "This sign-in was used already. Please start again.", phase=_BACK)
    if now >= row.expires_at:
        raise Gone("sign-in-expired", "This sign-in took too long. Please start again.", phase=_BACK)


def _unknown() -> BadInput:
    return BadInput("sign-in-unknown", "We do not know this sign-in. Please start again.", phase=_BACK)


def _application(directory: str, client_id: str) -> str:
    return f"{directory}/{client_id}"


def _about(tenant: TenantId, key: UUID) -> str:
    return f"meeting.sign-in:{tenant}:{key}"
