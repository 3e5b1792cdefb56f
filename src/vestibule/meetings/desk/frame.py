"""What every page about meetings shares: who may see it, its steps, and how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from litestar import Request
from litestar.response import Response

from vestibule.identity.model import Principal, StaffRole
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
from vestibule.platform.web.pages import see_other, staff_page
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


def show(
    request: AnyRequest,
    principal: Principal,
    template: str,
    over: Overview,
    *,
    step: Step | None = None,
    status: int = 200,
    wrong: Mapping[str, str] | None = None,
    **facts: Any,
) -> AnyResponse:
    """A page.

    Args:
        request: being answered.
        principal: who looks.
        template: below `templates/meeting_desk/`.
        over: how far Teams is connected.
        step: which of the steps it is, if it is one.
        status: of the answer.
        wrong: field -> code.
        facts: whatever the template asks for; `told` replaces what the address says was done.
    """
    base, key = f"/s/{principal.session}", str(facts.pop("told", request.query_params.get("told", "")))[:20]
    return staff_page(
        request,
        principal,
        f"meeting_desk/{template}",
        status=status,
        brand=over.brand,
        place=f"{base}/meetings",
        may=frozenset(role.value for role in principal.roles),
        over=over,
        step=step,
        steps=words.steps(),
        names=words.fields(),
        mistakes=sentences(wrong or {}),
        told=words.told(key),
        told_badly=key in _BADLY,
        **facts,
    )


def back(principal: Principal, path: str = "", *, told: str = "") -> AnyResponse:
    """To another page below `meetings`; `told` is the key of a sentence that it says at its top."""
    place = f"/s/{principal.session}/meetings" + (f"/{path}" if path else "")
    return see_other(place + (f"?told={told}" if told else ""))
