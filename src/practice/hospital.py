"""The hospital as one thing: what it keeps, what it remembers while it runs, and its addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from practice.ledger import Ledger
from practice.live import Live
from practice.microsoft.state import SignIns
from practice.model import Book
from practice.oauth.clients import ClientKeys, Proof
from practice.oauth.grants import Grants
from practice.oauth.keys import SigningKeys
from practice.store import Store
from practice.trouble import Trouble

FHIR = "/interconnect/api/FHIR/R4"
OAUTH = "/interconnect/oauth2"
MICROSOFT = "/microsoft"
STATUS = "/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus"


@dataclass
class Addresses:
    """The public addresses, known once the port is."""

    base: str

    @property
    def fhir(self) -> str:
        """The FHIR base: the `iss` of launches and the `aud` of authorize requests."""
        return self.base + FHIR

    @property
    def issuer(self) -> str:
        """The issuer of id_tokens; as in Epic, not the FHIR base."""
        return self.base + OAUTH

    @property
    def authorize(self) -> str:
        """The authorize endpoint."""
        return f"{self.issuer}/authorize"

    @property
    def token(self) -> str:
        """The token endpoint."""
        return f"{self.issuer}/token"

    @property
    def jwks(self) -> str:
        """Where the public keys are."""
        return f"{self.issuer}/jwks"

    @property
    def microsoft(self) -> str:
        """The Microsoft-like sign-in; a tenant and the rest follow."""
        return self.base + MICROSOFT

    @property
    def status(self) -> str:
        """SetExternalConnectionStatus."""
        return self.base + STATUS


class Hospital:
    """Everything a request handler needs."""

    def __init__(self, folder: Path, *, base: str, now: Callable[[], float]) -> None:
        self.at = Addresses(base)
        self.now = now
        self.store = Store(folder)
        self.ledger = Ledger(folder, now)
        self.live = Live(self.ledger.entries(kind="status"))
        self.trouble = Trouble()
        self.keys = SigningKeys()
        self.grants = Grants(now)
        self.sign_ins = SignIns(now)
        self.client_keys = ClientKeys()
        self.proof = Proof(grants=self.grants, keys=self.client_keys, token_url=self.at.token)

    @property
    def book(self) -> Book:
        """The book as it stands."""
        return self.store.book

    async def close(self) -> None:
        """Let go of files and connections."""
        await self.client_keys.close()
        self.ledger.close()


HOSPITAL: web.AppKey[Hospital] = web.AppKey("hospital", Hospital)


def hospital(request: web.Request) -> Hospital:
    """The hospital a request came to."""
    return request.app[HOSPITAL]
