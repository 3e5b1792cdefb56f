"""The pages of the wizard: each step with what was typed, what is stored, what is wrong, and how far the whole is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vestibule.identity.members import Members
from vestibule.identity.model import Member, MemberState, Principal, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.platform.db import Database, Tx
from vestibule.portal import words
from vestibule.portal.drafts import Outcome
from vestibule.portal.ehr_sign_in import CALLBACK
from vestibule.portal.model import Report, Step, done, written
from vestibule.portal.pages import BAD, STALE, AnyRequest, AnyResponse, sentences, show
from vestibule.portal.people import told
from vestibule.portal.reports import Reports
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Version, approval_needed
from vestibule.tenancy.organisations import Organisations
from vestibule.tenancy.service import Tenancy

_EMPTY: Final[Mapping[str, str]] = {"name": "", "iss": "", "environment": "test", "vendor": ""}
_PAGE: Final = 200
_MOST_PAGES: Final = 5


class WizardPages:
    """Renders the steps."""

    def __init__(
        self,
        *,
        db: Database,
        organisations: Organisations,
        approvals: Approvals,
        tenancy: Tenancy,
        members: Members,
        reports: Reports,
        origin: str,
    ) -> None:
        self._db = db
        self._organisations = organisations
        self._approvals = approvals
        self._tenancy = tenancy
        self._members = members
        self._reports = reports
        self._origin = origin

    async def blank(
        self, request: AnyRequest, principal: Principal, typed: Mapping[str, str] | None = None, outcome: Outcome | None = None
    ) -> AnyResponse:
        """The first step of a connection that is not there yet."""
        async with self._db.tenant(principal.tenant) as tx:
            brand = (await self._organisations.get(tx)).name
        return show(
            request,
            principal,
            "address.html",
            brand=brand,
            status=200 if outcome is None else BAD,
            mistakes={**sentences(outcome.wrong), **outcome.words} if outcome else {},
            version=None,
            one=None,
            values={**_EMPTY, **(typed or {})},
            stored=None,
            report=None,
            **self._words(Step.ADDRESS, frozenset()),
        )

    async def step(
        self,
        request: AnyRequest,
        principal: Principal,
        connection: ConnectionId,
        step: Step,
        typed: Mapping[str, str] | None = None,
        outcome: Outcome | None = None,
    ) -> AnyResponse:
        """A step as it is stored, or as it was typed and could not be saved."""
        async with self._db.tenant(principal.tenant) as tx:
            brand = (await self._organisations.get(tx)).name
            version = await self._approvals.newest(tx, connection)
            reports = await self._reports.of(tx, [connection])
            check = reports.get((connection, "check"))
            facts = await self._facts(tx, version, step, check)
        stored = outcome.stored if outcome else None
        status = 200 if outcome is None else STALE if stored is not None else BAD
        return show(
            request,
            principal,
            f"{step.value}.html",
            brand=brand,
            status=status,
            mistakes={**sentences(outcome.wrong), **outcome.words} if outcome else {},
            one=connection,
            version=version,
            values={**written(version.content), **(typed or {})},
            stored=stored,
            report=reports.get((connection, "address" if step is Step.ADDRESS else "check")),
            **self._words(step, done(version, check)),
            **facts,
        )

    def _words(self, step: Step, finished: frozenset[Step]) -> dict[str, Any]:
        return {
            "step": step,
            "finished": finished,
            "steps": words.steps(),
            "names": words.fields(),
            "vendors": words.vendors(),
            "environments": words.environments(),
            "client_auths": words.client_auths(),
            "value_words": words.value_words,
        }

    async def _facts(self, tx: Tx, version: Version, step: Step, check: Report | None) -> dict[str, Any]:
        if step is Step.KEYS:
            return await self._keys(tx, version)
        if step is Step.APPROVAL:
            return await self._approval(tx, version, check)
        return {}

    async def _keys(self, tx: Tx, version: Version) -> dict[str, Any]:
        address = await self._reports.one(tx, version.connection, "address")
        relatives = await self._organisations.children(tx)
        parent = await self._organisations.parent(tx)
        return {
            "keys": await self._tenancy.signing_keys(tx, version.connection),
            "redirects": (f"{self._origin}/launch/callback", f"{self._origin}{CALLBACK}"),
            "launches": (f"{self._origin}/launch/provider", f"{self._origin}/launch/patient"),
            "jwks": f"{self._origin}/connections/{version.connection}/jwks.json",
            "relatives": [*([parent] if parent else []), *relatives],
            "found": address,
        }

    async def _approval(self, tx: Tx, version: Version, check: Report | None) -> dict[str, Any]:
        organisation = await self._organisations.get(tx)
        serving, approvers = await self._approvals.in_force(tx, version.connection), await self._approvers(tx)
        return {
            "check": check,
            "approvers": approvers,
            "approver_options": [(str(one.id), one.called) for one in approvers],
            "needed": approval_needed(version.content.vendor, organisation),
            "two_persons": organisation.two_persons,
            "changes": await told(tx, self._approvals, self._organisations, self._members, version.connection),
            "serving": serving,
            "pill": words.state_pill(version.state, serving=serving is not None),
        }

    async def _approvers(self, tx: Tx) -> list[Member]:
        """Whom an administrator may name."""
        found: list[Member] = []
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self._members.listing(tx, after=after, limit=_PAGE)
            found += [one for one in page.items if StaffRole.APPROVER in one.roles and one.state is MemberState.ACTIVE]
            after = page.next
            if not after:
                break
        return found
