"""An approver proves that they belong to the EHR: they sign in to it, and we keep only when they did.

It is a standalone SMART launch with the connection's own provider client. It is bound to the browser that left, to the session, to the
person, and to the version and revision they looked at; it works once and for ten minutes, and its proof carries one decision.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, OutsideFailed, VestibuleError
from vestibule.identity.model import Principal
from vestibule.identity.service import Identity
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, MemberId, SessionId, TenantId, fingerprint, new_id, new_secret
from vestibule.kit.secretbox import SecretBox
from vestibule.launch.model import Attempt, LaunchKind
from vestibule.platform.audit import Actor, Audit, Outcome
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.cookies import Cookie, Departure
from vestibule.portal.ports import Clients, Record
from vestibule.portal.store import PortalStore, Row
from vestibule.protocols.oauth2 import Returned, challenge_of, check_issuer, new_verifier
from vestibule.protocols.smart import SmartServer, authorize_url
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Connection, Version, VersionState

CALLBACK: Final = "/setup/callback"
LIFETIME: Final = timedelta(minutes=10)
PROOF_HOLDS: Final = timedelta(minutes=60)
UNFINISHED: Final = "ehr-sign-in-unfinished"  # left for the EHR and has not come back: it may have shown an error page of its own
KEPT: Final = timedelta(days=30)
_PHASE: Final = "approval.ehr-sign-in"
_PATIENTS: Final = frozenset({"Patient", "RelatedPerson"})


@dataclass(frozen=True, slots=True)
class Leaving:
    """A sign-in about to begin: what its return is known by."""

    at: datetime
    id: UUID = field(default_factory=new_id)
    state: str = field(default_factory=new_secret, repr=False)
    browser: str = field(default_factory=new_secret, repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an approver stands with the EHR for the version before them: `proved_at`, or the code of what went wrong last."""

    proved_at: datetime | None = None
    code: str = ""


class EhrSignIns:
    """Sends approvers to the EHR's sign-in and receives them again."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        approvals: Approvals,
        identity: Identity,
        audit: Audit,
        record: Record,
        clients: Clients,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._box = box
        self._approvals = approvals
        self._identity = identity
        self._audit = audit
        self._record = record
        self._clients = clients
        self._store = PortalStore()
        self.redirect_uri = origin + CALLBACK

    # ------------------------------------------------------------------ there

    async def begin(self, who: Principal, connection: ConnectionId) -> Departure | None:
        """Remember who leaves, for what, and say where to sign in; None when that cannot be found out: why is kept, and shown there.

        Raises:
            NotAllowed: approver-wrong-person. Conflict: approval-not-awaited.
        """
        async with self._db.tenant(who.tenant) as tx:
            version = await self._approvals.newest(tx, connection)
            _refuse_others(version, who)
            asked = await self._approvals.candidate(tx, connection)
        try:
            return await self._depart(who, version, asked, await self._record.discover(asked, client_of(asked)))
        except VestibuleError as error:
            await self._remember(who, version, Leaving(self._clock.now()), code=error.code)
            return None

    async def _depart(self, who: Principal, version: Version, asked: Connection, server: SmartServer) -> Departure:
        leaving, verifier, nonce = Leaving(self._clock.now()), new_verifier(), new_secret()
        url = authorize_url(
            server,
            client_id=client_of(asked),
            redirect_uri=self.redirect_uri,
            scope="openid fhirUser",
            state=leaving.state,
            aud=asked.iss,
            challenge=challenge_of(verifier),
            nonce=nonce,
        )
        secrets = {"verifier": verifier, "nonce": nonce, "server": server.to_json()}
        sealed = self._box.seal(msgspec.json.encode(secrets).decode(), about=_about(who.tenant, leaving.id))
        await self._remember(who, version, leaving, sealed=sealed)
        return Departure(url, Cookie(browser_cookie(leaving.state), leaving.browser, CALLBACK, int(LIFETIME.total_seconds())))

    async def _remember(self, who: Principal, version: Version, leaving: Leaving, *, sealed: bytes = b"", code: str = "") -> None:
        async with self._db.tenant(who.tenant) as tx:
            await self._store.begin(
                who.tenant,
                tx,
                leaving.id,
                connection=version.connection,
                version=version.number,
                revision=version.revision,
                member=_member(who),
                session=who.session,
                state_hash=fingerprint(leaving.state),
                browser_hash=fingerprint(leaving.browser),
                sealed=sealed,
                at=leaving.at,
                expires_at=leaving.at + LIFETIME,
            )
            if code:
                await self._store.end(who.tenant, tx, leaving.id, proved_at=None, code=code)

    # ------------------------------------------------------------------ and back

    async def finish(self, returned: Returned, cookies: Mapping[str, str], by: Actor) -> str:
        """Receive the browser again; says where it goes. What the EHR refused is kept by its code and shown there.

        Raises:
            BadInput: ehr-sign-in-unknown, ehr-sign-in-elsewhere. Conflict: ehr-sign-in-used. Gone: ehr-sign-in-over.
        """
        tenant, row = await self._take(returned, cookies)
        connection, back = ConnectionId(row["connection_id"]), f"/s/{row['session_id']}/approvals/{row['connection_id']}"
        code, proved_at = "", None
        try:
            await self._prove(tenant, row, connection, returned)
            proved_at = self._clock.now()
        except VestibuleError as error:
            code = error.code
        async with self._db.tenant(tenant) as tx:
            await self._store.end(tenant, tx, row["id"], proved_at=proved_at, code=code)
            who = replace(by, kind="staff", id=str(row["member_id"]), session=str(row["session_id"]))
            outcome, detail = (Outcome.REFUSED, {"code": code}) if code else (Outcome.SUCCESS, {})
            self._audit.note(tx, "approval.ehr-sign-in", by=who, about=("connection", connection), outcome=outcome, detail=detail)
        return back

    async def _take(self, returned: Returned, cookies: Mapping[str, str]) -> tuple[TenantId, Row]:
        state_hash, now = fingerprint(returned.state), self._clock.now()
        browser_hash = fingerprint(cookies.get(browser_cookie(returned.state), ""))
        tenant = await self._store.whose(self._db, state_hash)
        if tenant is None:
            raise BadInput("ehr-sign-in-unknown", "We did not begin this sign-in. Begin it again from the approval.", phase=_PHASE)
        async with self._db.tenant(tenant) as tx:
            row = await self._store.take(tenant, tx, state_hash, browser_hash, now)
        if row is None:
            raise BadInput("ehr-sign-in-unknown", "We did not begin this sign-in. Begin it again from the approval.", phase=_PHASE)
        _judge(row, browser_hash, now)
        if not await self._identity.still_open(self._db, SessionId(row["session_id"])):
            raise Gone("ehr-sign-in-over", "You were signed out meanwhile. Sign in, and begin again from the approval.", phase=_PHASE)
        return tenant, row

    async def _prove(self, tenant: TenantId, row: Row, connection: ConnectionId, returned: Returned) -> None:
        """Everything a launch verifies, and that it was staff of the EHR who signed in; then all of it is dropped."""
        secrets: dict[str, Any] = msgspec.json.decode(self._box.open(row["sealed"], about=_about(tenant, row["id"])))
        server = SmartServer.from_json(secrets["server"])
        attempt = Attempt(
            row["id"], tenant, connection, LaunchKind.PROVIDER, "", row["expires_at"], server, secrets["verifier"], secrets["nonce"]
        )
        check_issuer(returned, issuer=server.issuer or server.iss, required=server.iss_in_callback)
        if returned.error:
            raise _declined(returned.error)
        async with self._db.tenant(tenant) as tx:
            asked = await self._unchanged(tx, connection, row["revision"])
        client = await self._clients.identity(asked, LaunchKind.PROVIDER, server)
        token = await self._record.exchange(attempt, code=returned.code, redirect_uri=self.redirect_uri, client=client)
        claims = await self._record.identify(attempt, token, client.client_id)
        if claims.fhir_user is not None and claims.fhir_user.type in _PATIENTS:
            raise NotAllowed("ehr-sign-in-patient", "This was a patient's sign-in. Sign in as staff of the EHR.", phase=_PHASE)

    async def _unchanged(self, tx: Tx, connection: ConnectionId, revision: int) -> Connection:
        """What was asked about, so long as nobody changed it meanwhile."""
        version = await self._approvals.newest(tx, connection)
        if version.revision != revision:
            raise Conflict(
                "ehr-sign-in-stale", "The connection was changed while you signed in. Look at it and sign in again.", phase=_PHASE
            )
        return await self._approvals.candidate(tx, connection)

    # ------------------------------------------------------------------ what it is good for

    async def standing(self, tx: Tx, who: Principal, version: Version) -> Standing:
        """Whether this person has proved themselves for this version, in this session, within the hour."""
        row = await self._store.latest(who.tenant, tx, version.connection, _member(who), version.revision)
        if row is None:
            return Standing()
        if row["proved_at"] is None:
            return Standing(code=row["code"] or UNFINISHED)
        fresh = row["proved_at"] > self._clock.now() - PROOF_HOLDS and row["session_id"] == who.session and row["spent_at"] is None
        return Standing(row["proved_at"]) if fresh else Standing()

    async def spend(self, tx: Tx, who: Principal, connection: ConnectionId, *, version: int, revision: int) -> bool:
        """Use the proof up for a decision about exactly this version and revision; False when there is none."""
        now = self._clock.now()
        return await self._store.spend(
            who.tenant,
            tx,
            connection=connection,
            member=_member(who),
            session=who.session,
            version=version,
            revision=revision,
            since=now - PROOF_HOLDS,
            at=now,
        )


def browser_cookie(state: str) -> str:
    """The cookie of one sign-in, so that two in one browser never meet."""
    return "e_" + fingerprint(state)[:12].hex()


def client_of(connection: Connection) -> str:
    """The client to sign in with: the clinicians' own.

    Raises:
        Conflict: ehr-sign-in-no-client.
    """
    if not connection.provider_client_id:
        raise Conflict("ehr-sign-in-no-client", "Without the clinicians' client id nobody can sign in to the EHR.", phase=_PHASE)
    return connection.provider_client_id


def _refuse_others(version: Version, who: Principal) -> None:
    if version.state is not VersionState.AWAITING:
        raise Conflict("approval-not-awaited", "Nothing of this connection awaits approval.", phase="approval")
    if version.content.approver != who.member:
        raise NotAllowed("approver-wrong-person", "Somebody else was named as the approver of this connection.", phase="approval")


def _judge(row: Row, browser_hash: bytes, now: datetime) -> None:
    if not hmac.compare_digest(row["browser_hash"], browser_hash):
        raise BadInput("ehr-sign-in-elsewhere", "This sign-in was begun in another browser.", phase=_PHASE)
    if row["used_at"] is not None:
        raise Conflict("ehr-sign-in-used", "This sign-in was used already. Go back to the approval.", phase=_PHASE)
    if row["expires_at"] <= now:
        raise Gone("ehr-sign-in-over", "This sign-in took too long. Begin it again from the approval.", phase=_PHASE)


def _declined(error: str) -> VestibuleError:
    """What the EHR's sign-in page said instead of a code (RFC 6749 4.1.2.1)."""
    if error in {"server_error", "temporarily_unavailable"}:
        return OutsideFailed("ehr-sign-in-busy", "The EHR cannot sign anyone in at the moment.", phase=_PHASE)
    if error == "access_denied":
        return NotAllowed("ehr-sign-in-denied", "The EHR did not let you in.", phase=_PHASE)
    return NotAllowed("ehr-sign-in-oauth2", "The EHR does not know our client, our address, or what it asks for.", phase=_PHASE)


def _member(who: Principal) -> MemberId:
    if who.member is None:
        raise NotAllowed("role-not-allowed", "This page is not for you.", phase="session")
    return who.member


def _about(tenant: TenantId, sign_in: UUID) -> str:
    return f"ehr_sign_in:{tenant}:{sign_in}"
