"""Tells an Epic who connected and who left: SetExternalConnectionStatus, in whatever form the connection's profile gives it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from vestibule.adapters.ehr.epic.profile import StatusProfile, profile_of
from vestibule.adapters.ehr.epic.tokens import BackendTokens
from vestibule.errors import BadInput, OutsideFailed, TooMany, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.origins import origin_of
from vestibule.kit.retryafter import retry_after
from vestibule.platform.http import Credentials
from vestibule.tenancy.model import Connection
from vestibule.writeback.model import Status
from vestibule.writeback.ports import Outside, SigningKeys

PHASE: Final = "writeback.tell"
_TIMEOUT: Final = 15.0
_UNAUTHORISED: Final = 401
# What a server says when the same request may well succeed a little later.
_PASSING: Final = frozenset({408, 425, 500, 502, 503, 504, 507})


@dataclass(frozen=True, slots=True)
class EpicStatus:
    """The port `Record` for Epic.

    Attributes:
        outside: the outbound door.
        keys: signing keys of backend clients.
        loopback_http: whether plain http on this machine is fine (the practice hospital).
    """

    outside: Outside
    keys: SigningKeys
    clock: Clock
    loopback_http: bool = False
    tokens: BackendTokens = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """One cache of tokens for all connections."""
        tokens = BackendTokens(self.outside, self.keys, self.clock, loopback_http=self.loopback_http)
        object.__setattr__(self, "tokens", tokens)

    def listens(self, connection: Connection) -> bool:
        """Unless its profile says `"status": {"on": false}`; a broken profile listens, so that somebody sees the mistake."""
        try:
            profile = profile_of(connection)
        except BadInput:
            return True
        return profile.on and bool(connection.backend_client_id)

    def would_say(self, connection: Connection, status: Status) -> str:
        """The request as text."""
        ask = build(connection, profile_of(connection), status)
        return f"{ask.method} {ask.url}" + (f" {ask.body.decode()}" if ask.body else "")

    async def tell(self, connection: Connection, status: Status) -> None:
        """Say one thing. A token that the record refuses is renewed once; a second refusal is its last word for now."""
        profile = profile_of(connection)
        ask = build(connection, profile, status)
        if profile.auth == "basic":
            answer = await self._perform(ask, _basic(profile, connection))
        else:
            header = await self.tokens.bearer(connection, scope=profile.scope)
            answer = await self._perform(ask, header)
            if answer.status == _UNAUTHORISED:
                header = await self.tokens.bearer(connection, scope=profile.scope, refused=header)
                answer = await self._perform(ask, header)
        self._judge(answer)

    async def _perform(self, ask: Ask, authorization: str) -> Answer:
        return await self.outside.perform(ask, timeout=_TIMEOUT, bearer=Credentials(origin_of(ask.url), authorization))

    def _judge(self, answer: Answer) -> None:
        if answer.success:
            return
        wait = retry_after(answer.headers.get("retry-after", ""), self.clock.now())
        raise _failure(answer.status, wait)


def build(connection: Connection, profile: StatusProfile, status: Status) -> Ask:
    """The request, without its credentials."""
    url, values = profile.url(connection), profile.parameters(status)
    headers = {"Accept": "application/json", "Epic-Client-ID": connection.backend_client_id}
    if profile.send == "query":
        return Ask(profile.verb, f"{url}?{urlencode(values)}", PHASE, headers)
    if profile.send == "form":
        return Ask(profile.verb, url, PHASE, headers | {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(values).encode())
    return Ask(profile.verb, url, PHASE, headers | {"Content-Type": "application/json"}, json.dumps(values).encode())


def _basic(profile: StatusProfile, connection: Connection) -> str:
    """As Epic's older interfaces want it: the user is written `emp$name` by whoever fills in the profile."""
    pair = f"{profile.basic_user}:{connection.client_secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _failure(status: int, wait: float | None) -> VestibuleError:
    if status == 429:  # noqa: PLR2004  Too Many Requests
        return TooMany("ehr-busy", "The record asks us to go slower.", phase=PHASE, retry_after=wait)
    if status in _PASSING:
        return OutsideFailed("ehr-failed", "The record has a fault just now.", phase=PHASE, retry_after=wait)
    if status == _UNAUTHORISED:
        # It may be a clock, a key not yet fetched, or a user being unlocked: worth trying for a while, and somebody sees it.
        return OutsideFailed("ehr-not-signed-in", "The record does not accept our sign-in.", phase=PHASE)
    if status == 403:  # noqa: PLR2004  Forbidden
        return OutsideFailed("ehr-not-allowed", "The record does not allow us to report connections.", phase=PHASE, permanent=True)
    return OutsideFailed("ehr-refused", f"The record refused it (HTTP {status}).", phase=PHASE, permanent=True)
