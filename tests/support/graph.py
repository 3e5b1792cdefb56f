"""Our side of Microsoft Graph, as tests ask with it: accounts, keys, and a cloud of ours that keeps what it asked."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from practice.microsoft.seed import ALDER
from support.practice_cloud import CLIENT, ROSA, SECRET, pair
from vestibule.adapters.meetings.teams import GraphCloud, Places
from vestibule.kit.clock import Clock, FrozenClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import TenantId
from vestibule.meetings.model import Account, KeyPair, ProofKind, Wish
from vestibule.meetings.ports import Hook
from vestibule.platform.http import Credentials, Http

TENANT = TenantId(UUID(int=1))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
START, END = datetime(2026, 11, 21, 15, 0, tzinfo=UTC), datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
MICROSOFT = Places.of("https://graph.microsoft.com", "https://login.microsoftonline.com/organizations/v2.0")
JOIN = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_NTg%40thread.v2/0?context=%7b%22Tid%22%3a%220a1d%22%7d"


@functools.cache
def key_pair(number: int = 0) -> KeyPair:
    """A key pair of ours; made once for all tests."""
    made = pair(number)
    private = made.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(f"key-{number}", private, made.der, NOW, datetime(2027, 11, 21, tzinfo=UTC))


def account(**more: Any) -> Account:
    """The connector as it is registered in the directory of Alder, by its secret."""
    return Account(**{"tenant": TENANT, "directory": ALDER, "client_id": CLIENT, "proof": ProofKind.SECRET, "secret": SECRET, **more})


def by_certificate(number: int = 0) -> Account:
    """The same, by its certificate."""
    return account(proof=ProofKind.CERTIFICATE, secret="", key=key_pair(number))


def wish(**more: Any) -> Wish:
    """A meeting of Rosa's."""
    said = {"external_id": "visit-1", "organizer": ROSA, "subject": "Video visit", "starts_at": START, "ends_at": END}
    return Wish(**{**said, **more})


def hook(url: str = "https://visits.alder.example", number: int = 0) -> Hook:
    """Where we want to be told."""
    return Hook(f"{url}/meetings/teams/notifications", f"{url}/meetings/teams/lifecycle", "state-of-this-subscription", key_pair(number))


Say = Callable[[Ask], tuple[int, Any] | tuple[int, Any, Mapping[str, str]]]


@dataclass
class Recording:
    """An outbound door that answers from a script, and keeps what it was asked, the token's requests apart."""

    say: Say
    asked: list[Ask] = field(default_factory=list)
    tokens: list[Ask] = field(default_factory=list)
    bearers: list[Credentials | None] = field(default_factory=list)

    async def perform(self, ask: Ask, *, bearer: Credentials | None = None, **_limits: Any) -> Answer:
        if ask.url.endswith("/oauth2/v2.0/token"):
            self.tokens.append(ask)
            said = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{len(self.tokens)}"}
            return Answer(200, {"date": "Sat, 21 Nov 2026 12:00:02 GMT"}, json.dumps(said).encode(), ask.url)
        self.asked.append(ask)
        self.bearers.append(bearer)
        status, body, *rest = self.say(ask)
        headers = dict(rest[0]) if rest else {}
        return Answer(status, headers, b"" if body is None else json.dumps(body).encode(), ask.url)

    def cloud(self, clock: Clock | None = None) -> GraphCloud:
        """Ours, that asks here."""
        return GraphCloud(http=cast("Http", self), clock=clock or FrozenClock(NOW), places=MICROSOFT)


def body(ask: Ask) -> dict[str, Any]:
    """What was sent."""
    return dict(json.loads(ask.body or b"{}"))
