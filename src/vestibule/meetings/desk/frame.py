"""What every page about meetings shares: who may see it, its steps, and how far each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from litestar import Request
from litestar.response import Response

from vestibule.identity.model import StaffRole
from vestibule.kit.clock import Clock
from vestibule.meetings.bindings import Bindings
from vestibule.meetings.desk import words
from vestibule.meetings.judging import judge_connected, sentences
from vestibule.meetings.keys import MeetingKeys
from vestibule.meetings.model import KeyPair, ProofKind, Settings
from vestibule.meetings.ports import Check
from vestibule.meetings.setting import MeetingSettings
from vestibule.meetings.store.looking import LookingStore
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.desk import DeskPages
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import MeetingKind

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

ADMINISTRATORS: Final = Access.staff(StaffRole.ADMINISTRATOR)
READERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.AUDITOR, StaffRole.INTEGRATION_ENGINEER)
BAD: Final = 400
STALE: Final = 409
_REFUSED: Final = "teams-sign-in-refused"  # the doctor's word for an id, a certificate or a secret that Microsoft does not accept
_BADLY: Final = frozenset({"stale", "missing", "keeps"})


class Step(StrEnum):
    """The steps of connecting Teams, in their order."""

    APPLICATION = "application"
    PROOF = "proof"
    PERMISSIONS = "permissions"
    OPTIONS = "options"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Overview:
    """How far Teams is connected.

    Attributes:
        key: the key pair by which we prove ourselves; `waiting` is one whose certificate is still to be uploaded.
        bound: how many clinicians have signed in once.
    """

    brand: str
    settings: Settings
    key: KeyPair | None
    waiting: KeyPair | None
    bound: int

    @property
    def teams(self) -> bool:
        """New visits take place in Teams."""
        return self.settings.kind is MeetingKind.TEAMS

    @property
    def ready(self) -> bool:
        """Enough is entered to ask Microsoft."""
        return not judge_connected(self.settings) and (self.settings.proof is ProofKind.SECRET or self.key is not None)

    @property
    def works(self) -> bool:
        """The last test found nothing in the way."""
        return self.ready and self.settings.tested_at is not None and not self.settings.test_code

    @property
    def done(self) -> frozenset[Step]:
        """Steps that need nothing more. Whether permissions were granted only a test shows."""
        found = {
            Step.APPLICATION: self.settings.connected,
            Step.PROOF: self.ready and self.settings.test_code != _REFUSED,
            Step.PERMISSIONS: self.works,
            Step.OPTIONS: self.settings.connected and bool(self.settings.default_host or self.bound or self.works),
            Step.TEST: self.works,
        }
        return frozenset(step for step, is_done in found.items() if is_done)


@dataclass(frozen=True, slots=True)
class MeetingDesk:
    """The services that the pages work with.

    Attributes:
        check: looks at everything Teams needs.
        login: where people sign in at Microsoft, without directory, e.g. `https://login.microsoftonline.com`.
    """

    db: Database
    clock: Clock
    tenancy: Tenancy
    audit: Audit
    settings: MeetingSettings
    keys: MeetingKeys
    bindings: Bindings
    check: Check
    origin: str
    login: str
    looking: LookingStore

    async def overview(self, tx: Tx) -> Overview:
        """How far Teams is connected."""
        return Overview(
            brand=(await self.tenancy.tenant(tx)).name,
            settings=await self.settings.get(tx),
            key=await self.keys.app(tx),
            waiting=await self.keys.waiting(tx),
            bound=await self.bindings.count(tx),
        )


_PAGES: Final = DeskPages("meeting_desk", "meetings", words, sentences, _BADLY)
show, back = _PAGES.show, _PAGES.back
