"""What discovery found out about an OpenID provider, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenIdServer:
    """Where to sign in, and who signs what comes back.

    Attributes:
        issuer: as the provider names itself; for a Microsoft authority of many tenants a template, see `microsoft`.
        iss_in_callback: the provider promises the RFC 9207 parameter.
    """

    issuer: str
    authorize: str
    token: str
    jwks: str
    iss_in_callback: bool = False

    def to_json(self) -> dict[str, Any]:
        """For keeping with a sign-in, so that the callback speaks to the very provider the sign-in began with."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> OpenIdServer:
        """What `to_json` wrote."""
        return cls(**kept)
