"""The `validationTokens` of a notification: that it comes from Microsoft Graph, and is for us.

"Set up change notifications that include resource data", validating the authenticity of notifications: of every token the signature by
one of the keys of the common OpenID configuration, that it has not expired, that Microsoft Graph's publisher made it (`appid`); and that
one of them is for our application (`aud`) from the organisation's directory (`iss`). They are tokens of version 1: the issuer is
`https://sts.windows.net/{tenant}/`, also where the sign-in lives elsewhere. A batch may mix organisations, each with a token of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.sealed import PHASE
from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.meetings.model import Account
from vestibule.platform.http import Http
from vestibule.protocols.jose import Jwks, verify
from vestibule.protocols.oauth2 import acceptable

PUBLISHER: Final = "0bf30f3b-4a52-48df-9a82-234910c4a086"  # Microsoft Graph Change Tracking, in every directory
_ISSUER: Final = "https://sts.windows.net/{}/"
_MOST_TOKENS: Final = 100
_KEYS_PHASE: Final = "teams.keys"
_TIMEOUT: Final = 10.0
_AHEAD: Final = 300.0  # seconds their clock may be ahead of ours
_LARGEST_DOCUMENT: Final = 262_144


class MicrosoftKeys:
    """The keys by which Microsoft signs tokens of version 1, for everybody; fetched once for many, and again for an unknown name."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool) -> None:
        self._http = http
        self._clock = clock
        self._places = places
        self._loopback = loopback_http
        self._kept: Jwks | None = None
        self._fetching = asyncio.Lock()

    async def get(self, *, older_than: Jwks | None = None) -> Jwks:
        """The keys; others than the given ones, where it helps to ask again.

        Raises:
            OutsideFailed: they cannot be had.
        """
        async with self._fetching:
            now, kept = self._clock.now(), self._kept
            again = older_than is not None and kept is older_than and kept.worth_refetching(now)
            if kept is None or kept.stale(now) or again:
                self._kept = kept = await self._fetch()
            return kept

    async def _fetch(self) -> Jwks:
        url = (await self._document(self._places.configuration)).get("jwks_uri")
        if not acceptable(url, loopback_http=self._loopback):
            raise _keys_missing()
        return Jwks.of(await self._document(str(url)), fetched_at=self._clock.now(), phase=_KEYS_PHASE)

    async def _document(self, url: str) -> Mapping[str, Any]:
        answer = await self._http.perform(Ask("GET", url, _KEYS_PHASE, {"Accept": "application/json"}), timeout=_TIMEOUT)
        try:
            return read_object(answer.body if answer.ok else b"", max_bytes=_LARGEST_DOCUMENT)
        except JsonError as error:
            raise _keys_missing() from error


async def check(tokens: Sequence[str], account: Account, keys: MicrosoftKeys, now: datetime) -> None:
    """Return when the batch comes from Microsoft Graph, and one of its tokens is for this organisation.

    Raises:
        NotAllowed: `teams-notice-forged`. OutsideFailed: Microsoft's keys cannot be had.
    """
    if not 0 < len(tokens) <= _MOST_TOKENS or not all(isinstance(one, str) for one in tokens):
        raise _forged()
    claims = [await _judged(one, keys, now) for one in tokens]
    if not any(_for_us(one, account) for one in claims):
        raise _forged()


async def _judged(token: str, keys: MicrosoftKeys, now: datetime) -> Mapping[str, Any]:
    """The claims of a token of Graph's, its signature, time and publisher found good."""
    claims = await _signed(token, keys)
    expires, begins, at = _number(claims.get("exp")), _number(claims.get("nbf", 0)), now.timestamp()
    if expires is None or begins is None or expires <= at or begins > at + _AHEAD or claims.get("appid") != PUBLISHER:
        raise _forged()
    return claims


async def _signed(token: str, keys: MicrosoftKeys) -> Mapping[str, Any]:
    """An unknown key is asked for once more, at most once a minute. `none` is no algorithm we know, and HMAC neither."""
    known = await keys.get()
    try:
        try:
            return verify(token, _common(known), phase=PHASE).claims
        except OutsideFailed as error:
            newer = await keys.get(older_than=known) if error.code == "jwt-key-unknown" else known
            if newer is known:
                raise
            return verify(token, _common(newer), phase=PHASE).claims
    except OutsideFailed as error:
        if not error.code.startswith("jwt-"):
            raise  # the keys could not be had: nothing is known of the token
        raise _forged() from error


def _common(keys: Jwks) -> Jwks:
    """Without keys that say they sign for one certain directory or service: Graph's publisher signs with the common ones."""
    return keys.of_issuer(lambda issuer: "{tenantid}" in issuer.casefold())


def _for_us(claims: Mapping[str, Any], account: Account) -> bool:
    directory, issuer, audience = account.directory.casefold(), claims.get("iss"), claims.get("aud")
    return bool(directory) and audience == account.client_id and issuer == _ISSUER.format(directory)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _forged() -> NotAllowed:
    return NotAllowed("teams-notice-forged", "This does not come from Microsoft, or is not for us.", phase=PHASE)


def _keys_missing() -> OutsideFailed:
    return OutsideFailed("teams-keys-unavailable", "Microsoft's signing keys cannot be read at the moment.", phase=_KEYS_PHASE)
