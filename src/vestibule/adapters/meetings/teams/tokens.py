"""Tokens for Graph by client credentials (RFC 6749 4.4): fetched once for all who wait, kept until shortly before they end."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.reading import number, text
from vestibule.adapters.meetings.teams.refusals import document, senseless, sign_in_refusal
from vestibule.errors import NotAllowed
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import new_id
from vestibule.kit.origins import origin_of
from vestibule.meetings.model import Account, ProofKind
from vestibule.platform.http import Credentials, Http
from vestibule.protocols.jose import sign_by_certificate
from vestibule.protocols.oauth2 import ASSERTION_TYPE

PHASE: Final = "teams.token"
_TIMEOUT: Final = 10.0
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_ASSERTION_SECONDS: Final = 300
_EARLY: Final = 300.0  # seconds before its end a token is fetched anew
_MOST_KEPT: Final = 5_000


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        fresh_until: on the monotonic clock; used no longer.
        skew: seconds by which Microsoft's clock is ahead of ours; None where its answer has no date.
    """

    value: str = field(repr=False)
    fresh_until: float
    skew: float | None = None


class Tokens:
    """The tokens of many organisations."""

    def __init__(self, *, http: Http, clock: Clock, places: Places) -> None:
        self._http = http
        self._clock = clock
        self._places = places
        self._kept: dict[tuple[str, ...], Token] = {}
        self._fetching: dict[tuple[str, ...], asyncio.Task[Token]] = {}

    async def get(self, account: Account, *, anew: bool = False) -> Token:
        """One that is good for a while; `anew`, one that knows what was granted a moment ago.

        Raises:
            NotAllowed: `teams-not-signed-in`. TooMany: `teams-throttled`. OutsideFailed: `teams-unavailable`, `teams-answer-senseless`.
        """
        key = _key(account)
        kept = None if anew else self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept.fresh_until:
            return kept
        if key not in self._fetching:
            task = self._fetching[key] = asyncio.create_task(self._fetch(account, key))
            task.add_done_callback(lambda done: self._fetched(key, done))
        # One who gives up takes the token from nobody else.
        return await asyncio.shield(self._fetching[key])

    def credentials(self, token: Token) -> Credentials:
        """The token for Graph, and for nobody else."""
        return Credentials(origin_of(self._places.graph), f"Bearer {token.value}")

    def drop(self, account: Account, token: Token) -> None:
        """Graph did not accept this one."""
        key = _key(account)
        if self._kept.get(key) is token:
            del self._kept[key]

    def _fetched(self, key: tuple[str, ...], done: asyncio.Task[Token]) -> None:
        self._fetching.pop(key, None)
        if not done.cancelled():
            done.exception()  # told to those who wait; a task whose last waiter went away must not complain of it

    async def _fetch(self, account: Account, key: tuple[str, ...]) -> Token:
        url = self._places.token(account.directory)
        form = {"client_id": account.client_id, "scope": self._places.scope, "grant_type": "client_credentials"}
        body = urlencode(form | proof(account, url, self._clock.now())).encode()
        answer = await self._http.perform(Ask("POST", url, PHASE, _FORM, body), timeout=_TIMEOUT)
        if not answer.ok:
            raise sign_in_refusal(answer, PHASE, self._clock.now())
        token = self._read(answer)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = token
        return token

    def _read(self, answer: Answer) -> Token:
        said = document(answer)
        value, life = text(said, "access_token", longest=32_000), number(said, "expires_in") or 0.0
        if not value or not value.isprintable() or text(said, "token_type").lower() != "bearer":
            raise senseless(PHASE)
        return Token(value, self._clock.monotonic() + max(life - _EARLY, life / 2), _skew(answer, self._clock.now()))


def _key(account: Account) -> tuple[str, ...]:
    """Whose token it is, and by which proof: another proof is tried at once, and not after the old token's end."""
    proof = (
        account.key.id if account.proof is ProofKind.CERTIFICATE and account.key else hashlib.sha256(account.secret.encode()).hexdigest()
    )
    return (str(account.tenant), account.directory, account.client_id, account.proof.value, proof)


def proof(account: Account, url: str, now: datetime) -> dict[str, str]:
    """The form fields by which we prove ourselves."""
    if account.proof is ProofKind.SECRET:
        if not account.secret:
            raise NotAllowed("teams-not-signed-in", "No client secret is entered.", phase=PHASE)
        return {"client_secret": account.secret}
    if account.key is None:
        raise NotAllowed("teams-not-signed-in", "There is no certificate yet by which we could prove ourselves.", phase=PHASE)
    issued = int(now.timestamp())
    claims = {
        "aud": url,
        "iss": account.client_id,
        "sub": account.client_id,
        "jti": str(new_id()),
        "nbf": issued,
        "iat": issued,
        "exp": issued + _ASSERTION_SECONDS,
    }
    made = sign_by_certificate(claims, private=account.key.private, certificate=account.key.certificate)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": made}


def _skew(answer: Answer, now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(answer.headers.get("date", "")) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
