"""What lets a browser into the room for a moment: our own pass, and the relay's time-limited credentials. Pure.

A pass is bound to the session, the visit and the person, lives a minute, and is used once. Relay credentials follow the TURN REST
convention (draft-uberti-behave-turn-rest-00): the user name begins with the time it expires, the password is its HMAC-SHA1 under
the secret we share with the relay.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vestibule.errors import NotAllowed
from vestibule.identity.model import Principal
from vestibule.kit.ids import ParticipantId
from vestibule.kit.numbers import digits

PASS_SECONDS = 60
RELAY_SECONDS = 600
_PARTS = 3  # expiry, nonce, seal


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Where relays are.

    Attributes:
        stun_urls: `stun:host:port`, used without credentials.
        turn_urls: `turn:host:port?transport=udp`, `turns:host:port`.
        secret: the relay's `static-auth-secret`.
        relay_only: never show people's addresses to each other; everything goes through the relay.
    """

    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    relay_only: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass that has been read and found genuine."""

    nonce: str
    expires_at: datetime


def write_pass(keyed_hash: Callable[[str], bytes], principal: Principal, *, nonce: str, now: datetime) -> str:
    """A new pass for this session."""
    expires = int((now + timedelta(seconds=PASS_SECONDS)).timestamp())
    return f"{expires}.{nonce}.{_seal(keyed_hash, principal, expires, nonce)}"


def read_pass(keyed_hash: Callable[[str], bytes], principal: Principal, text: str, *, now: datetime) -> Pass:
    """Judge a pass; whether it was used before the store knows. NotAllowed `room-pass-invalid` otherwise."""
    parts = text.split(".")
    expires = digits(parts[0], most=11)
    if expires is not None and len(parts) == _PARTS:
        nonce = parts[1]
        genuine = hmac.compare_digest(parts[2].encode(), _seal(keyed_hash, principal, expires, nonce).encode())
        if genuine and now.timestamp() < expires:
            return Pass(nonce, datetime.fromtimestamp(expires, UTC))
    raise NotAllowed("room-pass-invalid", "This pass to the room is not valid any more.", phase="room.join")


def _seal(keyed_hash: Callable[[str], bytes], principal: Principal, expires: int, nonce: str) -> str:
    about = f"room-pass:{principal.tenant}:{principal.session}:{principal.visit}:{principal.participant}:{expires}:{nonce}"
    return base64.urlsafe_b64encode(keyed_hash(about)).decode().rstrip("=")


def ice_servers(config: RelayConfig, participant: ParticipantId, *, now: datetime) -> list[dict[str, object]]:
    """RTCIceServer dictionaries (W3C WebRTC 4.2.2). The user name tells the relay who shares a quota, and tells nobody who it is."""
    servers: list[dict[str, object]] = []
    if config.stun_urls:
        servers.append({"urls": list(config.stun_urls)})
    if config.turn_urls and config.secret:
        whom = hashlib.sha256(f"{config.secret}:{participant}".encode()).hexdigest()[:16]
        user = f"{int(now.timestamp()) + RELAY_SECONDS}:{whom}"
        password = base64.b64encode(hmac.digest(config.secret.encode(), user.encode(), "sha1")).decode()
        servers.append({"urls": list(config.turn_urls), "username": user, "credential": password})
    return servers
