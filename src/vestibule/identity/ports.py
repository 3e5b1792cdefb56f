"""What identity needs from outside: somewhere to sign in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from vestibule.identity.model import Person
from vestibule.protocols.oauth2 import Returned


@dataclass(frozen=True, slots=True)
class Asked:
    """What one sign-in sent along and must find again in what comes back."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class SignInProvider(Protocol):
    """A place where people prove who they are. What it raises is its own; `identity` says it in calm words."""

    @property
    def name(self) -> str:
        """Ours for it, as it stands in addresses: `entra`, `oidc`."""
        ...

    @property
    def label(self) -> str:
        """What stands on its button after "Sign in with"."""
        ...

    async def depart(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what to remember until it is back."""
        ...

    async def arrive(self, returned: Returned, asked: Asked, kept: dict[str, Any]) -> Person:
        """Who came back, proved."""
        ...
