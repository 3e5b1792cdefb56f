"""What discovery found out about a SMART server, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["smart-configuration", "capability", "manual"]


@dataclass(frozen=True, slots=True)
class SmartServer:
    """Where to sign in at one FHIR base URL, and what the server says it can do.

    Attributes:
        issuer: who signs id_tokens. NOT necessarily `iss`: Epic's is its OAuth base. Empty when no document said.
        iss_in_callback: the server promises the RFC 9207 parameter.
        signing_algs: what it accepts on a client assertion; empty when it did not say.
    """

    iss: str
    authorize: str
    token: str
    source: Source
    issuer: str = ""
    jwks: str = ""
    capabilities: frozenset[str] = frozenset()
    iss_in_callback: bool = False
    signing_algs: tuple[str, ...] = ()
    loopback_http: bool = False

    @property
    def scopes_v2(self) -> bool:
        """True unless the server names the old scope syntax and not the new (SMART App Launch 2.2, "Conformance")."""
        return "permission-v2" in self.capabilities or "permission-v1" not in self.capabilities

    def to_json(self) -> dict[str, Any]:
        """For keeping with a launch attempt, so that the callback speaks to the very server the launch began with."""
        return {
            "iss": self.iss,
            "authorize": self.authorize,
            "token": self.token,
            "source": self.source,
            "issuer": self.issuer,
            "jwks": self.jwks,
            "capabilities": sorted(self.capabilities),
            "iss_in_callback": self.iss_in_callback,
            "signing_algs": list(self.signing_algs),
            "loopback_http": self.loopback_http,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> SmartServer:
        """What `to_json` wrote."""
        return cls(**{**kept, "capabilities": frozenset(kept["capabilities"]), "signing_algs": tuple(kept["signing_algs"])})
