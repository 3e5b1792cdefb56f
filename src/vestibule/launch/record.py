"""Talking to the record during a launch: discovery, tokens, keys, and the few reads the pages need. Never inside a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from vestibule.errors import OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.origins import origin_of
from vestibule.launch.model import CONTEXT_PHASE, Attempt, Known
from vestibule.launch.ports import Outside
from vestibule.launch.story import Story
from vestibule.platform.http import Credentials
from vestibule.protocols.fhir import Appointment, Encounter, View, read
from vestibule.protocols.jose import Jwks, peek
from vestibule.protocols.smart import (
    ClientIdentity,
    IdClaims,
    SmartServer,
    TokenAnswer,
    discover,
    exchange_code,
    fetch_jwks,
    openid_configuration,
    verify_id_token,
)
from vestibule.tenancy.model import Connection

_KEEP_DISCOVERY: Final = 300.0  # seconds; a record that moves its endpoints is noticed within that time, or at the first failure
_DISCOVERY_BYTES: Final = 10_000_000  # capability statements are large
_TIMEOUT: Final = 10.0
_ID_TOKEN_PHASE: Final = "launch.id-token"  # noqa: S105  a phase, not a secret


class RecordClient:
    """One for the process: it keeps what records publish for a while."""

    def __init__(self, outside: Outside, clock: Clock, *, loopback_http: bool = False) -> None:
        self._outside = outside
        self._clock = clock
        self._loopback = loopback_http
        self._servers: dict[tuple[str, ...], tuple[SmartServer, float]] = {}
        self._keys: dict[str, Jwks] = {}
        self._fetching = asyncio.Lock()

    async def discover(self, connection: Connection, client_id: str) -> SmartServer:
        """Where this connection signs in; remembered for five minutes."""
        key = (connection.iss, client_id, connection.authorize_url, connection.token_url)
        server, until = self._servers.get(key, (None, 0.0))
        if server is not None and self._clock.monotonic() < until:
            return server
        steps = discover(
            connection.iss,
            client_id=client_id,
            manual_authorize=connection.authorize_url,
            manual_token=connection.token_url,
            loopback_http=self._loopback,
        )
        server = await self._outside.drive(steps, timeout=_TIMEOUT, max_bytes=_DISCOVERY_BYTES)
        self._servers[key] = (server, self._clock.monotonic() + _KEEP_DISCOVERY)
        return server

    def forget(self, connection: Connection) -> None:
        """Something did not fit: look again next time."""
        for key in [k for k in self._servers if k[0] == connection.iss]:
            del self._servers[key]

    async def exchange(self, attempt: Attempt, *, code: str, redirect_uri: str, client: ClientIdentity) -> TokenAnswer:
        """Trade the code for tokens, at the very server the launch began with."""
        steps = exchange_code(
            attempt.server, code=code, redirect_uri=redirect_uri, verifier=attempt.verifier, client=client, now=self._clock.now()
        )
        return await self._outside.drive(steps, timeout=_TIMEOUT)

    async def identify(self, attempt: Attempt, token: TokenAnswer, client_id: str) -> IdClaims:
        """Who signed in, by a verified id_token."""
        if not token.id_token:
            raise OutsideFailed("id-token-missing", "The record did not say who signed in.", phase=_ID_TOKEN_PHASE, permanent=True)
        issuer, url = await self._issuer(attempt.server, token.id_token, client_id)
        for last_try in (False, True):
            keys = await self._jwks(url, client_id, again=last_try)
            try:
                return verify_id_token(
                    token.id_token,
                    jwks=keys,
                    issuer=issuer,
                    client_id=client_id,
                    nonce=attempt.nonce,
                    now=self._clock.now(),
                    iss=attempt.server.iss,
                    access_token=token.access_token,
                )
            except OutsideFailed as error:
                if last_try or error.code != "jwt-key-unknown" or not keys.worth_refetching(self._clock.now()):
                    raise
        raise AssertionError("the second try returns or raises")

    async def look_up(self, attempt: Attempt, token: TokenAnswer, story: Story, wanted: Mapping[str, str], *, need: str = "") -> Known:
        """Read what the pages need, side by side; only `need` must succeed.

        Args:
            attempt: whose record.
            token: opens the record.
            story: failures of what is not needed are written down there.
            wanted: part of Known -> `Type/id`; `Type/` with an empty id is skipped.
            need: the part without which the launch cannot go on.
        """
        reads = {part: self._read(attempt, token, story, *ref.split("/", 1), must=part == need) for part, ref in wanted.items()}
        found = dict(zip(reads, await asyncio.gather(*reads.values()), strict=True))
        encounter = Encounter(raw) if (raw := found.get("encounter")) is not None else None
        booked = None
        if encounter is not None and encounter.appointment:
            booked = await self._read(attempt, token, story, "Appointment", encounter.appointment, must=False)
        patient, person = found.get("patient"), found.get("person")
        return Known(
            View(patient) if patient is not None else None,
            View(person) if person is not None else None,
            encounter,
            Appointment(booked) if booked is not None else None,
        )

    async def _read(self, attempt: Attempt, token: TokenAnswer, story: Story, kind: str, key: str, *, must: bool) -> dict[str, Any] | None:
        if not key and not must:
            return None
        base = attempt.server.iss
        bearer = Credentials(origin_of(base), token.bearer)
        try:
            with story.step(f"{CONTEXT_PHASE}.{kind.lower()}"):
                return await self._outside.drive(read(base, kind, key, phase=CONTEXT_PHASE), timeout=_TIMEOUT, bearer=bearer)
        except VestibuleError:
            if must:
                raise
            return None  # the story has its code; the visit can do without

    async def _issuer(self, server: SmartServer, id_token: str, client_id: str) -> tuple[str, str]:
        """Who must have signed, and where their keys are.

        A record found by its CapabilityStatement names no issuer. Then the token's own word is believed as far as it points to the
        server that has just given us the token, whose address was not the token's to choose.
        """
        issuer = server.issuer or str(peek(id_token, phase=_ID_TOKEN_PHASE).get("iss", ""))
        if server.issuer and server.jwks:
            return issuer, server.jwks
        try:
            same = origin_of(issuer) == origin_of(server.token)
        except ValueError:
            same = False
        if not same and not server.issuer:
            raise OutsideFailed(
                "id-token-issuer",
                "The sign-in came from another issuer than the record system names.",
                phase=_ID_TOKEN_PHASE,
                permanent=True,
            )
        steps = openid_configuration(issuer, client_id=client_id, loopback_http=self._loopback)
        return issuer, await self._outside.drive(steps, timeout=_TIMEOUT)

    async def _jwks(self, url: str, client_id: str, *, again: bool) -> Jwks:
        """The issuer's keys; of many launches at once, one fetches."""
        asked_at = self._clock.now()
        async with self._fetching:
            kept = self._keys.get(url)
            fetched_since = kept is not None and kept.fetched_at is not None and kept.fetched_at > asked_at
            if kept is not None and not kept.stale(asked_at) and (not again or fetched_since):
                return kept
            steps = fetch_jwks(url, now=self._clock.now(), headers={"Epic-Client-ID": client_id}, loopback_http=self._loopback)
            self._keys[url] = await self._outside.drive(steps, timeout=_TIMEOUT)
            return self._keys[url]
