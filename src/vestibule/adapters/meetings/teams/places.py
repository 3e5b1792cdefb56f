"""Where Microsoft answers: Graph's two versions, and the sign-in of a directory. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from vestibule.kit.origins import is_loopback_host

_PUBLIC: Final = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of one Microsoft cloud.

    Attributes:
        graph: Graph's address without version.
        login: the sign-in's address without directory.
    """

    graph: str
    login: str

    @classmethod
    def of(cls, graph: str, authority: str) -> Places:
        """From the settings: the sign-in stands before the directory and the version of `https://host/{directory}/v2.0`."""
        return cls(graph.rstrip("/"), authority.rstrip("/").removesuffix("/v2.0").rpartition("/")[0])

    @property
    def scope(self) -> str:
        """What a token for Graph is asked for. A cloud on this very machine stands in for the public one, and goes by its name."""
        parts = urlsplit(self.graph)
        name = _PUBLIC if is_loopback_host(parts.hostname or "") else f"{parts.scheme}://{parts.netloc}"
        return f"{name}/.default"

    @property
    def configuration(self) -> str:
        """Who signs Microsoft's own tokens of version 1, the kind that comes with notifications."""
        return f"{self.login}/common/.well-known/openid-configuration"

    def token(self, directory: str) -> str:
        """The token endpoint of a directory."""
        return f"{self.login}/{quote(directory, safe='')}/oauth2/v2.0/token"

    def v1(self, *parts: str) -> str:
        """An address of Graph's version 1.0; each part is one step of the path, whatever it holds."""
        return self._below("v1.0", parts)

    def beta(self, *parts: str) -> str:
        """As `v1`, of what exists in the beta version only."""
        return self._below("beta", parts)

    @staticmethod
    def step(part: str) -> str:
        """One step of a path."""
        return quote(part, safe="")

    def _below(self, version: str, parts: tuple[str, ...]) -> str:
        return "/".join((self.graph, version, *map(self.step, parts)))
