"""The record's half of a rehearsal: can we find it, can it check our signature, does it give us a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vestibule.errors import OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.platform.db import Database
from vestibule.platform.web.i18n import gettext as _
from vestibule.protocols.jose import SIGNING_ALGORITHMS
from vestibule.protocols.smart import ClientIdentity, SmartServer, client_credentials, discover, system_scope
from vestibule.rehearsal.model import Found, State
from vestibule.rehearsal.ports import Outside
from vestibule.tenancy.model import ClientAuth, Connection
from vestibule.tenancy.service import Tenancy

_TIMEOUT: Final = 10.0
_DISCOVERY_BYTES: Final = 10_000_000
_KEYS_BYTES: Final = 262_144


class TheirSide:
    """The steps that talk to the record. Never inside a transaction."""

    def __init__(
        self, one: Connection, db: Database, clock: Clock, tenancy: Tenancy, outside: Outside, origin: str, *, loopback_http: bool
    ) -> None:
        self._one = one
        self._db = db
        self._clock = clock
        self._tenancy = tenancy
        self._outside = outside
        self._jwks_url = f"{origin}/connections/{one.id}/jwks.json"
        self._loopback = loopback_http
        self._server: SmartServer | None = None

    async def discovery(self) -> Found:
        """Where the record signs people in, as every launch asks it."""
        one = self._one
        client_id = one.provider_client_id or one.patient_client_id or one.backend_client_id
        steps = discover(
            one.iss, client_id=client_id, manual_authorize=one.authorize_url, manual_token=one.token_url, loopback_http=self._loopback
        )
        self._server = await self._outside.drive(steps, timeout=_TIMEOUT, max_bytes=_DISCOVERY_BYTES)
        if not self._server.authorize:
            return Found(
                State.FAILED,
                _("The record names no address for signing people in."),
                _("Ask the record's operators; launches need an authorization endpoint."),
            )
        sources = {
            "smart-configuration": _("Found in the record's smart-configuration."),
            "capability": _("Found in the record's CapabilityStatement."),
            "manual": _("The record says nothing; the addresses entered by hand are used."),
        }
        return Found(State.GOOD, sources[self._server.source])

    async def keys(self) -> Found:
        """Our keys, as the record would fetch them."""
        if self._one.client_auth is not ClientAuth.PRIVATE_KEY_JWT:
            return Found(State.GOOD, _("This connection proves itself without keys."))
        async with self._db.tenant(self._one.tenant) as tx:
            kept = await self._tenancy.signing_keys(tx, self._one.id)
        signing = [key.key.kid for key in kept if key.active_from <= self._clock.now()]
        if not signing:
            return Found(State.FAILED, _("The connection has no key that signs."), _("Make new keys on the connection's page."))
        published = await self._published()
        if published is None:
            return Found(
                State.NOTED,
                _("The keys exist, but their address could not be reached from here."),
                _("The record must reach %(url)s; the doctor says more.") % {"url": self._jwks_url},
            )
        if not set(signing) <= published:
            return Found(
                State.FAILED, _("The address of our keys shows others than those that sign."), _("Another program may answer there.")
            )
        return Found(State.GOOD, _("%(count)d keys are published and sign.") % {"count": len(signing)})

    async def _published(self) -> set[str] | None:
        """The ids of the keys at our public address; None when it cannot be asked."""
        ask = Ask("GET", self._jwks_url, "rehearsal.keys", {"Accept": "application/json"})
        try:
            answer = await self._outside.perform(ask, timeout=_TIMEOUT)
            listed = read_object(answer.body, max_bytes=_KEYS_BYTES).get("keys", [])
        except (VestibuleError, JsonError):
            return None
        return {str(key.get("kid")) for key in listed if isinstance(key, Mapping)} if isinstance(listed, list) else set()

    async def token(self) -> Found:
        """The back end signs in, as write-back does."""
        if not self._one.backend_client_id:
            return Found(
                State.NOTED,
                _("No client id is entered for the back end, so the record is told nothing of connects and disconnects."),
                _("Register a back-end app and enter its client id."),
            )
        if self._server is None:
            return Found(State.SKIPPED, _("Not tried, because the record was not found."))
        scope = system_scope(self._server, ["Appointment"])
        steps = client_credentials(self._server, scope=scope, client=await self._client(self._server), now=self._clock.now())
        answer = await self._outside.drive(steps, timeout=_TIMEOUT)
        lives = _(", good for %(seconds)d seconds") % {"seconds": int(answer.expires_in)} if answer.expires_in else ""
        return Found(State.GOOD, _("The record gave a token%(lives)s.") % {"lives": lives})

    async def _client(self, server: SmartServer) -> ClientIdentity:
        one, headers = self._one, {"Epic-Client-ID": self._one.backend_client_id}
        if one.client_auth is ClientAuth.SECRET_BASIC:
            return ClientIdentity(one.backend_client_id, "client_secret_basic", secret=one.client_secret, headers=headers)
        if one.client_auth is ClientAuth.PUBLIC:
            raise OutsideFailed(
                "rehearsal-back-end-public", "A back end cannot sign in without a key or a secret.", phase="rehearsal.token", permanent=True
            )
        algs = [alg for alg in SIGNING_ALGORITHMS if not server.signing_algs or alg in server.signing_algs] or list(SIGNING_ALGORITHMS)
        async with self._db.tenant(one.tenant) as tx:
            key = await self._tenancy.signing_key(tx, one.id, algs)
        return ClientIdentity(one.backend_client_id, "private_key_jwt", key=key, headers=headers)
