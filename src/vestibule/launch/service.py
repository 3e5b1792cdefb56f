"""Launches: from the press of a button in the record to a session of ours.

A launch talks to the record while a person waits, so its two halves open short transactions of their own, before and after the outside
calls and never around them. What must survive between the halves lies in `launches`: single use, ten minutes, bound to one browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.errors import BadInput, Conflict, Gone, NotFound, OutsideFailed, Unavailable, VestibuleError
from vestibule.identity.model import Role
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, VisitId, fingerprint, new_id, new_secret
from vestibule.kit.secretbox import SecretBox
from vestibule.launch.clients import Clients, client_id_of
from vestibule.launch.finding import Finder, not_approved
from vestibule.launch.history import History
from vestibule.launch.model import (
    CONTEXT_PHASE,
    LIFETIME,
    Attempt,
    Context,
    Known,
    Landing,
    LaunchKind,
    Pressed,
    check_same_visit,
    extra_scopes,
    identifiers,
    names_of,
    read_context,
    short,
    with_what_was_read,
)
from vestibule.launch.noting import Noting
from vestibule.launch.people import Who, right_person, who_is, with_own_patient
from vestibule.launch.reaching import Regions, note_phone, usual_region
from vestibule.launch.record import RecordClient
from vestibule.launch.store import LaunchStore, Row
from vestibule.launch.story import Story
from vestibule.launch.verdicts import judge
from vestibule.platform.audit import Audit, refer_to
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.cookies import Cookie, Departure
from vestibule.platform.web.meanings import Meaning, meaning
from vestibule.protocols.oauth2 import Returned, challenge_of, check_issuer, new_verifier
from vestibule.protocols.smart import FhirUser, SmartServer, TokenAnswer, authorize_url, launch_scope
from vestibule.tenancy.model import Connection, Tenant
from vestibule.tenancy.service import Tenancy, bound
from vestibule.visits.model import PersonRole
from vestibule.visits.service import Visits

CALLBACK: Final = "/launch/callback"
_BACK: Final = "launch.callback"
_KEEP: Final = timedelta(days=90)  # the analyst's story of why somebody could not come in; it names nobody
_START: Final = "launch.start"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A person has come in."""

    session: OpenedSession
    path: str


# Whether a launch that is not of this deployment belongs to another region's.
Elsewhere = Callable[[Pressed], Awaitable[bool]]


async def _nowhere_else(_asked: Pressed) -> bool:
    return False


class Launches:
    """Begins launches and brings them home."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        tenancy: Tenancy,
        identity: Identity,
        visits: Visits,
        record: RecordClient,
        origin: str,
        audit: Audit | None = None,
        elsewhere: Elsewhere = _nowhere_else,
        regions: Regions = usual_region,
    ) -> None:
        self._regions = regions
        self._elsewhere = elsewhere
        self._noting = Noting(audit or Audit(clock), clock)
        self._db = db
        self._clock = clock
        self._box = box
        self._tenancy = tenancy
        self._identity = identity
        self._visits = visits
        self._record = record
        self._store = LaunchStore()
        self.redirect_uri = origin + CALLBACK
        self.finder = Finder(db, clock, tenancy)
        self.clients = Clients(db, clock, tenancy)
        self.history = History(db, clock, self._noting)

    def story(self, reference: str) -> Story:
        """A blank page."""
        return Story(self._clock, reference)

    @staticmethod
    def meaning(code: str) -> Meaning:
        """What an error's code means to an analyst, for whoever shows codes."""
        return meaning(code)

    async def whom_to_call(self, story: Story) -> Tenant | None:
        """The organisation whose launch failed, for the page that says so."""
        if story.tenant is None:
            return None
        async with self._db.tenant(story.tenant) as tx:
            return await self._tenancy.tenant(tx)

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have attempts to forget."""
        return await self._store.whose_over(db, self._clock.now() - _KEEP, after, most)

    async def forget(self, tx: Tx) -> int:
        """Delete the organisation's attempts of more than ninety days ago; how many."""
        return await self._store.forget(bound(tx), tx, self._clock.now() - _KEEP)

    # ------------------------------------------------------------------ to the record

    async def begin(self, kind: LaunchKind, asked: Pressed, story: Story) -> Departure:
        """Check the button that was pressed, keep what we must remember, and say where to sign in.

        Raises:
            NotFound: launch-unknown-iss. Conflict: launch-used, launch-not-approved, launch-wrong-environment, launch-ambiguous,
                launch-not-set-up.
            OutsideFailed: what discovery met.
        """
        began = self._clock.now()
        try:
            connection = await self.finder.connection_of(asked)
        except (Conflict, NotFound) as error:
            if await self._elsewhere(asked):  # it is sent on to another region, and no attempt of anybody here
                raise
            await self.history.homeless(await self.finder.concerned(asked), kind, story, began, error)
            raise
        story.frame_origins, story.tenant = connection.frame_ancestors, connection.tenant
        try:
            client_id = client_id_of(connection, kind)
            with story.step("launch.discovery"):
                server = await self._discover(connection, client_id)
            return await self._depart(connection, kind, asked, story, server)
        except VestibuleError as error:
            await self.history.refused(connection.tenant, connection.id, kind, story, began, error)
            raise

    async def _discover(self, connection: Connection, client_id: str) -> SmartServer:
        try:
            return await self._record.discover(connection, client_id)
        except VestibuleError:
            self._record.forget(connection)
            raise

    async def _depart(self, connection: Connection, kind: LaunchKind, asked: Pressed, story: Story, server: SmartServer) -> Departure:
        launch, state, browser, verifier, nonce = new_id(), new_secret(), new_secret(), new_verifier(), new_secret()
        now = self._clock.now()
        secrets = {"verifier": verifier, "nonce": nonce, "server": server.to_json(), "landing": asked.landing}
        sealed = self._box.seal(msgspec.json.encode(secrets).decode(), about=_about(connection.tenant, launch))
        async with self._db.tenant(connection.tenant) as tx:
            fresh = await self._store.insert(
                connection.tenant,
                tx,
                launch,
                connection=connection.id,
                kind=kind,
                reference=story.reference,
                state_hash=fingerprint(state),
                browser_hash=fingerprint(browser),
                launch_hash=fingerprint(asked.launch),
                sealed=sealed,
                at=now,
                expires_at=now + LIFETIME,
                phases=story.phases,
            )
        if not fresh:
            raise Conflict("launch-used", "This visit was opened already. Please open it again from the record.", phase=_START)
        url = authorize_url(
            server,
            client_id=client_id_of(connection, kind),
            redirect_uri=self.redirect_uri,
            scope=launch_scope(server, who=kind.value, extra=extra_scopes(connection)),
            state=state,
            aud=connection.iss,
            launch=asked.launch,
            challenge=challenge_of(verifier),
            nonce=nonce,
        )
        return Departure(url, Cookie(browser_cookie(state), browser, CALLBACK, int(LIFETIME.total_seconds())))

    # ------------------------------------------------------------------ and back

    async def finish(self, returned: Returned, cookies: Mapping[str, str], story: Story, *, framed: bool) -> Arrival:
        """Bring a launch home: prove that it is ours, trade the code, learn whose visit it is, open the session.

        Raises:
            VestibuleError: with the code and phase of whatever did not fit; the attempt is over then, and says so.
        """
        attempt, connection = await self._take(returned, cookies, story)
        try:
            return await self._bring_home(attempt, connection, returned, story, framed=framed)
        except Exception as error:
            await self._failed(attempt, connection, story, error)
            raise

    async def _take(self, returned: Returned, cookies: Mapping[str, str], story: Story) -> tuple[Attempt, Connection]:
        """The attempt this callback belongs to; from here on nothing else can use it."""
        state_hash, now = fingerprint(returned.state), self._clock.now()
        browser = cookies.get(browser_cookie(returned.state), "")
        tenant = await self._store.whose(self._db, state_hash)
        if tenant is None:
            raise BadInput("launch-unknown", "We do not know this launch. Please open the visit again from the record.", phase=_BACK)
        async with self._db.tenant(tenant) as tx:
            row = await self._store.take(tenant, tx, state_hash, fingerprint(browser), now)
            if row is None:
                raise BadInput("launch-unknown", "We do not know this launch. Please open the visit again from the record.", phase=_BACK)
            connection = await self._tenancy.connection(tx, row["connection_id"])
            story.reference, story.frame_origins, story.tenant = row["reference"], connection.frame_ancestors, tenant
            refer_to(story.reference)
            misfit = judge(row, browser, now)
            if misfit is not None:
                await self.history.turned_away(tx, row["id"], story, misfit)
                self._noting.failed(tx, row["kind"], connection.id, misfit)
        if misfit is not None:
            raise misfit
        return self._attempt(tenant, row), connection

    def _attempt(self, tenant: TenantId, row: Row) -> Attempt:
        secrets: dict[str, Any] = msgspec.json.decode(self._box.open(row["sealed"], about=_about(tenant, row["id"])))
        return Attempt(
            id=row["id"],
            tenant=tenant,
            connection=row["connection_id"],
            kind=LaunchKind(row["kind"]),
            reference=row["reference"],
            expires_at=row["expires_at"],
            server=SmartServer.from_json(secrets["server"]),
            verifier=secrets["verifier"],
            nonce=secrets["nonce"],
            landing=Landing(secrets.get("landing", "")),
        )

    async def _bring_home(self, attempt: Attempt, connection: Connection, returned: Returned, story: Story, *, framed: bool) -> Arrival:
        if not connection.serving:  # it was removed while the person signed in
            raise not_approved(_BACK)
        server = attempt.server
        check_issuer(returned, issuer=server.issuer or server.iss, required=server.iss_in_callback)
        if returned.error:
            raise _declined(returned.error)
        client = await self.clients.identity(connection, attempt.kind, server)
        with story.step("launch.token"):
            token = await self._record.exchange(attempt, code=returned.code, redirect_uri=self.redirect_uri, client=client)
        with story.step("launch.id-token"):
            claims = await self._record.identify(attempt, token, client.client_id)
        user = right_person(attempt.kind, claims.fhir_user)
        names = names_of(connection)
        context = with_own_patient(read_context(token, names), attempt.kind, user)
        known = await self._look_up(attempt, token, story, context, user)
        check_same_visit(context, known.encounter, known.appointment, names)
        if known.cancelled:
            raise Gone("launch-visit-cancelled", "This visit was cancelled in the record.", phase=CONTEXT_PHASE)
        context = with_what_was_read(context, known.encounter, names)
        return await self._arrive(attempt, connection, story, context, known, who_is(attempt.kind, context, user, known), framed=framed)

    async def _look_up(self, attempt: Attempt, token: TokenAnswer, story: Story, context: Context, user: FhirUser) -> Known:
        """A clinician must see whom they are about to join, so without the patient's name there is no provider launch."""
        practitioner = user.id if user.type == "Practitioner" else ""
        wanted = {
            "patient": f"Patient/{context.patient}",
            "person": f"Practitioner/{practitioner}",
            "encounter": f"Encounter/{context.encounter}",
        }
        need = "patient" if attempt.kind is LaunchKind.PROVIDER and context.patient else ""
        return await self._record.look_up(attempt, token, story, wanted, need=need)

    async def _arrive(
        self, attempt: Attempt, connection: Connection, story: Story, context: Context, known: Known, who: Who, *, framed: bool
    ) -> Arrival:
        """One transaction: the visit, the people, the session, and the end of the attempt."""
        async with self._db.tenant(attempt.tenant) as tx:
            department = await self._tenancy.department_by_external(tx, context.department) if context.department else None
            visit, me = await self._visits.open_or_join(
                tx,
                connection=connection.id,
                identifiers=identifiers(context, connection.id),
                role=who.role,
                person=who.person,
                person_type=who.person_type,
                name=who.name,
                leads=who.leads,
                department=department.id if department else None,
                starts_at=known.starts_at,
                ends_at=known.ends_at,
            )
            if who.session is Role.CLINICIAN and context.patient and not visit.over:
                name = known.patient.name if known.patient else ""
                patient = await self._visits.expect(
                    tx, visit, role=PersonRole.PATIENT, person=context.patient, person_type="Patient", name=short(name)
                )
                await note_phone(tx, self._visits, visit, patient.id, context.phone, regions=self._regions, connection=connection.id)
            if who.session is not Role.CLINICIAN and visit.over:
                raise _over()
            opened = await self._identity.open_session(
                tx,
                role=who.session,
                visit=visit.id,
                participant=me.id if visit.person(me.id) else None,
                connection=connection.id,
                department=visit.department or (department.id if department else None),
                framed=framed,
                frame_origins=connection.frame_ancestors,
            )
            await self._end(tx, attempt, story, outcome="joined", phase="launch.joined", code="", visit=visit.id)
            self._noting.joined(tx, attempt, visit.id, opened.principal)
        return Arrival(opened, f"/s/{opened.principal.session}/{_page(who.session, attempt.landing)}")

    async def _failed(self, attempt: Attempt, connection: Connection, story: Story, error: Exception) -> None:
        self._record.forget(connection)
        known = error if isinstance(error, VestibuleError) else None
        if known:
            story.failed(known)
        phase, code = (known.phase, known.code) if known else (_BACK, "internal-error")
        with suppress(Unavailable):
            async with self._db.tenant(attempt.tenant) as tx:
                await self._end(tx, attempt, story, outcome="failed", phase=phase, code=code)
                self._noting.failed(tx, attempt.kind, connection.id, error)

    async def _end(
        self, tx: Tx, attempt: Attempt, story: Story, *, outcome: str, phase: str, code: str, visit: VisitId | None = None
    ) -> None:
        await self._store.end(
            attempt.tenant, tx, attempt.id, at=self._clock.now(), outcome=outcome, phase=phase, code=code, phases=story.phases, visit=visit
        )


def browser_cookie(state: str) -> str:
    """The cookie of one launch, so that two launches in one browser never meet."""
    return "l_" + fingerprint(state)[:12].hex()


def _page(role: Role, landing: Landing) -> str:
    """Where a launch ends."""
    if role is not Role.CLINICIAN:
        return "lobby"
    return "text" if landing is Landing.TEXT else "confirm"


def _declined(error: str) -> OutsideFailed:
    if error == "temporarily_unavailable":
        return OutsideFailed("launch-record-busy", "The record cannot sign anyone in at the moment.", phase="launch.authorize")
    return OutsideFailed(
        "launch-declined",
        "The record did not agree to this launch. Please open the visit again from the record.",
        phase="launch.authorize",
        permanent=True,
    )


def _over() -> Gone:
    return Gone("launch-visit-over", "This visit is over.", phase=CONTEXT_PHASE)


def _about(tenant: TenantId, launch: UUID) -> str:
    return f"launch:{tenant}:{launch}"
