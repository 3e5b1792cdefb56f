"""How we prove at a token endpoint who we are (RFC 6749 2.3, RFC 7523 2.2, SMART App Launch 2.2 "Client authentication")."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote_plus

from vestibule.kit.ids import new_secret
from vestibule.protocols.jose import SigningKey, sign

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME: Final = 240  # seconds; SMART allows five minutes, and the other clock may run ahead of ours

Auth = Literal["private_key_jwt", "client_secret_basic", "none"]


class Prover(Protocol):
    """Somebody who can authenticate at a token endpoint: a `ClientIdentity`, or what a server wants done in a way of its own."""

    @property
    def client_id(self) -> str:
        """As registered there."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent with every request besides."""
        ...

    def prove(self, token_url: str, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """The form fields and the headers that authenticate a request to `token_url`."""
        ...


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """One registered client and the means to prove it.

    Attributes:
        headers: sent with every request of this client besides, e.g. `Epic-Client-ID`.
    """

    client_id: str
    auth: Auth
    key: SigningKey | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """An identity that could not authenticate is a mistake of the configuration, found before any call."""
        if self.auth == "private_key_jwt" and self.key is None:
            raise ValueError("private_key_jwt needs a key")
        if self.auth == "client_secret_basic" and not self.secret:
            raise ValueError("client_secret_basic needs a secret")

    def prove(self, token_url: str, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """The form fields and the headers that authenticate a request to `token_url`."""
        if self.auth == "private_key_jwt":
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(token_url, now)}, {}
        if self.auth == "client_secret_basic":
            return {}, {"Authorization": basic(self.client_id, self.secret)}
        return {"client_id": self.client_id}, {}  # RFC 6749 3.2.1: a public client names itself

    def _assertion(self, token_url: str, now: datetime) -> str:
        if self.key is None:  # excluded when the identity was made
            raise ValueError("private_key_jwt needs a key")
        issued = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self.client_id,  # RFC 7523 3 (1), (2): both are the client
            "sub": self.client_id,
            "aud": token_url,  # (3), and SMART: exactly the token endpoint
            "iat": issued,
            "exp": issued + _LIFETIME,  # (4)
            "jti": new_secret(),  # (7): never used twice
        }
        return sign(claims, self.key)


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 2.3.1: both halves form-encoded before they are joined, or a colon in one would move the border."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
