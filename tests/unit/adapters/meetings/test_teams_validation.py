"""The validationTokens of a notification: every check of the documentation, and Microsoft's keys asked for no more than they must be."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from practice.microsoft.graph.sealing import token_claims
from practice.microsoft.keys import SignInKeys
from practice.microsoft.seed import ALDER, BIRCH
from support.graph import MICROSOFT, NOW, account
from support.practice_cloud import CLIENT
from vestibule.adapters.meetings.teams.validation import MicrosoftKeys, check
from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.http import Http

SIGNS = SignInKeys()
COMMON = "https://login.microsoftonline.com/{tenantid}/v2.0"


@dataclass
class Sign:
    """What Microsoft publishes, as it is asked for."""

    signs: SignInKeys = field(default_factory=lambda: SIGNS)
    issuer: str = COMMON
    keys_at: str = "https://login.microsoftonline.com/common/discovery/keys"
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def perform(self, ask: Ask, **_: Any) -> Answer:
        self.asked.append(ask.url)
        if self.broken:
            return Answer(503, {}, b"", ask.url)
        document = {"jwks_uri": self.keys_at} if "well-known" in ask.url else self.signs.public(self.issuer)
        return Answer(200, {}, json.dumps(document).encode(), ask.url)

    def keys(self, clock: FrozenClock | None = None) -> MicrosoftKeys:
        return MicrosoftKeys(http=cast("Http", self), clock=clock or FrozenClock(NOW), places=MICROSOFT, loopback_http=False)


def token(*, fault: str = "none", client: str = CLIENT, directory: str = ALDER, **changes: Any) -> str:
    claims = {**token_claims(client, directory, NOW.timestamp()), **changes}
    return SIGNS.sign({name: value for name, value in claims.items() if value is not None}, fault=fault)


async def test_a_token_of_graphs_for_us_is_good_and_the_keys_are_asked_for_once() -> None:
    there = Sign()
    keys = there.keys()
    for _ in range(3):
        await check([token()], account(), keys, NOW)
    assert there.asked == [
        "https://login.microsoftonline.com/common/.well-known/openid-configuration",
        "https://login.microsoftonline.com/common/discovery/keys",
    ]


def shared_secret() -> str:
    """Signed by what everybody can read: the public key as an HMAC's secret."""
    secret = OctKey.import_key(json.dumps(SIGNS.public(COMMON)["keys"][0]).encode())
    return jwt.encode({"alg": "HS256", "kid": SIGNS.public(COMMON)["keys"][0]["kid"]}, token_claims(CLIENT, ALDER, NOW.timestamp()), secret)


def brings_its_own_key() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "jwk": {}}).encode()).rstrip(b"=").decode()
    return head + "." + token().split(".", 1)[1]


@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param([], id="none at all"),
        pytest.param([""], id="an empty one"),
        pytest.param([token(fault="unsigned")], id="unsigned"),
        pytest.param([token(fault="signature")], id="signed by somebody else under a known name"),
        pytest.param([token(fault="old-key")], id="signed by a key that is not published"),
        pytest.param([shared_secret()], id="signed by a secret that is none"),
        pytest.param([brings_its_own_key()], id="with another head"),
        pytest.param([token(exp=int(NOW.timestamp()))], id="expired this moment"),
        pytest.param([token(exp=None)], id="never expiring"),
        pytest.param([token(exp="soon")], id="expiring at no time"),
        pytest.param([token(nbf=int(NOW.timestamp()) + 301)], id="not yet good"),
        pytest.param([token(appid=CLIENT)], id="not from Graph's publisher"),
        pytest.param([token(appid=None, azp="0bf30f3b-4a52-48df-9a82-234910c4a086")], id="of version 2"),
        pytest.param([token(client="another")], id="for another application"),
        pytest.param([token(aud=[CLIENT])], id="for a list of applications"),
        pytest.param([token(directory=BIRCH)], id="of another directory"),
        pytest.param([token(iss=f"https://login.microsoftonline.com/{ALDER}/v2.0")], id="of version 2's issuer"),
        pytest.param([token(iss=f"https://sts.windows.net/{ALDER}")], id="of an issuer that is almost it"),
        pytest.param([token(), token(fault="signature")], id="with a bad one beside a good one"),
        pytest.param([token(client="another"), token(directory=BIRCH)], id="two that are each half right"),
        pytest.param([token()] * 101, id="too many"),
    ],
)
async def test_what_nobody_should_believe(tokens: list[str]) -> None:
    with pytest.raises(NotAllowed, match="teams-notice-forged"):
        await check(tokens, account(), Sign().keys(), NOW)


async def test_a_batch_that_mixes_organisations_brings_a_token_for_each() -> None:
    await check([token(directory=BIRCH), token()], account(), Sign().keys(), NOW)


async def test_a_key_that_signs_for_one_directory_only_is_not_believed() -> None:
    with pytest.raises(NotAllowed, match="teams-notice-forged"):
        await check([token()], account(), Sign(issuer=f"https://login.microsoftonline.com/{BIRCH}/v2.0").keys(), NOW)


async def test_a_new_key_is_learned_but_a_flood_of_invented_ones_asks_once_a_minute() -> None:
    there, clock = Sign(signs=SignInKeys()), FrozenClock(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    keys = there.keys(clock)
    for _ in range(5):
        with pytest.raises(NotAllowed):
            await check([token()], account(), keys, NOW)
    assert len(there.asked) == 2, "the keys were read a moment ago"
    there.signs = SIGNS
    clock.advance(timedelta(seconds=61).total_seconds())
    await check([token()], account(), keys, NOW)
    assert len(there.asked) == 4


@pytest.mark.parametrize("there", [Sign(broken=True), Sign(keys_at="http://elsewhere.example/keys")])
async def test_without_keys_nothing_is_known_of_a_token(there: Sign) -> None:
    with pytest.raises(OutsideFailed, match="teams-keys-unavailable") as failed:
        await check([token()], account(), there.keys(), NOW)
    assert not failed.value.permanent
