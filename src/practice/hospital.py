"""The hospital as one thing: what it keeps, what it remembers while it runs, and its addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from aiohttp import web

from practice.carriers.azure.grid import Grid
from practice.carriers.exchange import Exchange
from practice.carriers.mail.box import Mailbox
from practice.interface.engine import Engine
from practice.ledger import Ledger
from practice.live import Live
from practice.microsoft.graph.notifier import Notifier
from practice.microsoft.graph.shelf import Shelf
from practice.microsoft.state import SignIns
from practice.model import Book, FhirVersion, Vendor
from practice.oauth.clients import ClientKeys, Proof
from practice.oauth.grants import Grants
from practice.oauth.keys import SigningKeys
from practice.store import Store
from practice.teams.calls import Calls
from practice.teams.rules import rules_of
from practice.teams.seats import Seats
from practice.trouble import Trouble

FAMILY = "/interconnect/api/FHIR"
BASES = {f"{FAMILY}/{version}": version for version in get_args(FhirVersion)}
FHIR = f"{FAMILY}/R4"
OAUTH = "/interconnect/oauth2"
MICROSOFT = "/microsoft"
GRAPH = "/graph"
TENANT = "b7c1e6de-4b0a-4a5f-9d2e-3f6a8c4b1e77"
ORACLE_FHIR = f"/r4/{TENANT}"
ORACLE_OAUTH = f"/tenants/{TENANT}/protocols/oauth2/profiles/smart-v1"
ORACLE_ISSUER = f"/tenants/{TENANT}/oidc/idsps/{TENANT}"
STATUS = "/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus"


@dataclass
class Addresses:
    """The public addresses, known once the port is. They have the shape of one vendor's or another's."""

    base: str
    vendor: Callable[[], Vendor] = lambda: "epic"
    smtp: str = ""
    smtps: str = ""

    @property
    def oracle(self) -> bool:
        """Whether addresses look like Oracle Health's, with the tenant in their paths."""
        return self.vendor() == "oracle"

    @property
    def fhir(self) -> str:
        """The FHIR base: the `iss` of launches and the `aud` of authorize requests."""
        return self.base + (ORACLE_FHIR if self.oracle else FHIR)

    @property
    def issuer(self) -> str:
        """The issuer of id_tokens; as in Epic, not the FHIR base."""
        return self.base + (ORACLE_ISSUER if self.oracle else OAUTH)

    @property
    def authorize(self) -> str:
        """The authorize endpoint; Oracle Health has one for each kind of person, and this is the clinicians'."""
        return f"{self.base}{ORACLE_OAUTH}/personas/provider/authorize" if self.oracle else f"{self.issuer}/authorize"

    @property
    def token(self) -> str:
        """The token endpoint."""
        return f"{self.base}{ORACLE_OAUTH}/token" if self.oracle else f"{self.issuer}/token"

    @property
    def jwks(self) -> str:
        """Where the public keys are."""
        return f"{self.issuer}/jwks"

    @property
    def microsoft(self) -> str:
        """The Microsoft-like sign-in; a tenant and the rest follow."""
        return self.base + MICROSOFT

    @property
    def graph(self) -> str:
        """The Microsoft-Graph-like cloud; a version follows."""
        return self.base + GRAPH

    @property
    def status(self) -> str:
        """SetExternalConnectionStatus."""
        return self.base + STATUS

    @property
    def twilio(self) -> str:
        """The Twilio-like carrier: its three hosts under one path."""
        return self.base + "/twilio"

    @property
    def azure(self) -> str:
        """The endpoint of the Azure-like carrier's resources."""
        return self.base


class Hospital:
    """Everything a request handler needs."""

    def __init__(self, folder: Path, *, base: str, now: Callable[[], float]) -> None:
        self.now = now
        self.folder = folder
        self.store = Store(folder)
        self.at = Addresses(base, lambda: self.book.settings.vendor)
        self.ledger = Ledger(folder, now)
        self.live = Live(self.ledger.entries(kind="status"))
        self.engine = Engine(folder, self.ledger, book=lambda: self.book, now=now)
        self.trouble = Trouble()
        self.keys = SigningKeys()
        self.grants = Grants(now)
        self.sign_ins = SignIns(now)
        self.graph = Shelf(folder, now, lambda: self.at.base)
        self.exchange = Exchange(folder, now, lambda: self.book)
        self.grid = Grid(self.exchange, lambda: self.at.base)
        self.mailbox = Mailbox(now, self.exchange.journal.tell)
        self.calls = Calls(self.ledger, lambda meeting: rules_of(self.graph.meeting(meeting)))
        self.seats = Seats(self.calls)
        self.notifier = Notifier(self.graph, self.ledger, self.sign_ins.keys, self.exchange.hooks, lambda: self.book)
        self.calls.watch(self.notifier.happened)
        self.operations: dict[str, Any] = {}
        self.client_keys = ClientKeys()
        self.proof = Proof(grants=self.grants, keys=self.client_keys, token_url=lambda: self.at.token)

    @property
    def book(self) -> Book:
        """The book as it stands."""
        return self.store.book

    async def close(self) -> None:
        """Let go of files and connections."""
        self.seats.close()
        await self.engine.close()
        await self.client_keys.close()
        await self.notifier.close()
        await self.exchange.close()
        self.graph.close()
        self.ledger.close()


HOSPITAL: web.AppKey[Hospital] = web.AppKey("hospital", Hospital)


def version_of(path: str) -> str:
    """The FHIR version whose base an address belongs to."""
    return next((version for base, version in BASES.items() if path.startswith(f"{base}/")), "R4")


def hospital(request: web.Request) -> Hospital:
    """The hospital a request came to."""
    return request.app[HOSPITAL]
