"""Setting a connection up, step by step: every step saves the draft, so that one can leave and come back at any of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.doctor.service import Doctor
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.pages import see_other
from vestibule.portal.drafts import Drafts, Outcome, Writing
from vestibule.portal.model import ADDRESS, KEYS, Step
from vestibule.portal.pages import ADMINISTRATORS, CHECKERS, AnyRequest, AnyResponse
from vestibule.portal.reports import Reports
from vestibule.portal.wizard_pages import WizardPages
from vestibule.tenancy.approval import Approvals

_YES = "yes"


class AddressForm(msgspec.Struct, forbid_unknown_fields=True):
    """The first step. `vendor` is empty while we are to find out; `go` says where to go on; `use` is an address instead of `iss`."""

    name: str = ""
    iss: str = ""
    environment: str = ""
    vendor: str = ""
    revision: int = 0
    go: str = "next"
    use: str = ""

    def typed(self) -> dict[str, str]:
        """The fields of the step. The address of a button is looked at like one that somebody typed: a form can say anything."""
        return {name: getattr(self, name) for name in ADDRESS} | ({"iss": self.use} if self.use else {})


class KeysForm(msgspec.Struct, forbid_unknown_fields=True):
    """The second step. An empty `secret` leaves the stored one; `forget_secret` takes it away."""

    provider_client_id: str = ""
    patient_client_id: str = ""
    backend_client_id: str = ""
    client_auth: str = ""
    secret: str = ""
    forget_secret: str = ""
    frame_ancestors: str = ""
    join_early_minutes: str = ""
    join_late_minutes: str = ""
    authorize_url: str = ""
    token_url: str = ""
    profile: str = ""
    shared_with: str | list[str] = ""
    revision: int = 0
    go: str = "next"


class ApprovalForm(msgspec.Struct, forbid_unknown_fields=True):
    """The fourth step: who approves, and whether to ask them now."""

    approver: str = ""
    revision: int = 0
    go: str = "submit"


class Looked(msgspec.Struct, forbid_unknown_fields=True):
    """A press of a button about what was on the page."""

    revision: int


@get("/s/{sid:uuid}/connections/new", access=ADMINISTRATORS)
async def new_connection(request: AnyRequest, principal: Principal, wizard: WizardPages) -> AnyResponse:
    """The first step of a connection that is not there yet."""
    return await wizard.blank(request, principal)


@post("/s/{sid:uuid}/connections/new", access=ADMINISTRATORS)
async def start(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[AddressForm], drafts: Drafts, wizard: WizardPages, actor: Actor
) -> AnyResponse:
    """Look at the address, keep a draft, go on."""
    typed = data.typed()
    outcome = await drafts.address(None, Writing(principal, actor, typed, data.revision))
    if outcome.version is None:
        return await wizard.blank(request, principal, typed, outcome)
    return _on(principal, outcome.version.connection, data.go, Step.ADDRESS if outcome.stops else Step.KEYS)


@get("/s/{sid:uuid}/connections/{connection:uuid}/address", access=ADMINISTRATORS)
async def address(request: AnyRequest, principal: Principal, connection: UUID, wizard: WizardPages) -> AnyResponse:
    """Step 1: where the record is."""
    return await wizard.step(request, principal, ConnectionId(connection), Step.ADDRESS)


@post("/s/{sid:uuid}/connections/{connection:uuid}/address", access=ADMINISTRATORS)
async def save_address(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[AddressForm],
    drafts: Drafts,
    wizard: WizardPages,
    actor: Actor,
) -> AnyResponse:
    """Look at the address, save, go on; what stands in the way is shown beside the field."""
    typed = data.typed()
    outcome = await drafts.address(ConnectionId(connection), Writing(principal, actor, typed, data.revision))
    return await _saved(request, principal, ConnectionId(connection), wizard, Step.ADDRESS, typed, outcome, data.go)


@get("/s/{sid:uuid}/connections/{connection:uuid}/keys", access=ADMINISTRATORS)
async def keys(request: AnyRequest, principal: Principal, connection: UUID, wizard: WizardPages) -> AnyResponse:
    """Step 2: what to register at the EHR, our keys, and what the EHR calls us."""
    return await wizard.step(request, principal, ConnectionId(connection), Step.KEYS)


@post("/s/{sid:uuid}/connections/{connection:uuid}/keys", access=ADMINISTRATORS)
async def save_keys(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[KeysForm],
    drafts: Drafts,
    wizard: WizardPages,
    actor: Actor,
) -> AnyResponse:
    """Save, go on."""
    shared = data.shared_with if isinstance(data.shared_with, str) else "\n".join(data.shared_with)
    typed = {name: getattr(data, name) for name in KEYS} | {"shared_with": shared}
    keep = None if data.forget_secret != _YES else ""
    secret = data.secret or keep
    outcome = await drafts.save(ConnectionId(connection), Writing(principal, actor, typed, data.revision, secret))
    return await _saved(request, principal, ConnectionId(connection), wizard, Step.KEYS, typed, outcome, data.go)


@get("/s/{sid:uuid}/connections/{connection:uuid}/check", access=CHECKERS)
async def check(request: AnyRequest, principal: Principal, connection: UUID, wizard: WizardPages) -> AnyResponse:
    """Step 3: what the doctor found, and when."""
    return await wizard.step(request, principal, ConnectionId(connection), Step.CHECK)


@post("/s/{sid:uuid}/connections/{connection:uuid}/check", access=CHECKERS)
async def check_again(
    principal: Principal, connection: UUID, db: Database, approvals: Approvals, doctor: Doctor, reports: Reports
) -> AnyResponse:
    """Let the doctor look, keep what it found, show it."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        version, candidate = await approvals.newest(tx, one), await approvals.candidate(tx, one)
    findings = await doctor.examine(candidate)
    async with db.tenant(principal.tenant) as tx:
        await reports.keep(tx, one, "check", findings, revision=version.revision)
    return see_other(f"/s/{principal.session}/connections/{connection}/check")


@get("/s/{sid:uuid}/connections/{connection:uuid}/approval", access=ADMINISTRATORS)
async def approval(request: AnyRequest, principal: Principal, connection: UUID, wizard: WizardPages) -> AnyResponse:
    """Step 4: who approves, and how far that is."""
    return await wizard.step(request, principal, ConnectionId(connection), Step.APPROVAL)


@post("/s/{sid:uuid}/connections/{connection:uuid}/approval", access=ADMINISTRATORS)
async def submit(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[ApprovalForm],
    drafts: Drafts,
    wizard: WizardPages,
    actor: Actor,
) -> AnyResponse:
    """Name the approver and ask them; where no approval is needed it goes into force."""
    one, typed = ConnectionId(connection), {"approver": data.approver}
    writing = Writing(principal, actor, typed, data.revision)
    outcome = await (drafts.save(one, writing) if data.go == "leave" else drafts.submit(one, writing))
    return await _saved(request, principal, one, wizard, Step.APPROVAL, typed, outcome, "leave" if data.go == "leave" else "stay")


@post("/s/{sid:uuid}/connections/{connection:uuid}/withdraw", access=ADMINISTRATORS)
async def withdraw(
    principal: Principal, connection: UUID, data: URLEncodedBody[Looked], db: Database, approvals: Approvals, actor: Actor
) -> AnyResponse:
    """Take the submission back; it is a draft again."""
    async with db.tenant(principal.tenant) as tx:
        await approvals.withdraw(tx, ConnectionId(connection), revision=data.revision, by=actor)
    return see_other(f"/s/{principal.session}/connections/{connection}/approval")


async def _saved(
    request: AnyRequest,
    principal: Principal,
    connection: ConnectionId,
    wizard: WizardPages,
    step: Step,
    typed: dict[str, str],
    outcome: Outcome,
    go: str,
) -> AnyResponse:
    if outcome.version is None:
        return await wizard.step(request, principal, connection, step, typed, outcome)
    order = list(Step)
    stay = outcome.stops or go == "stay"
    return _on(principal, connection, go, step if stay else order[order.index(step) + 1])


def _on(principal: Principal, connection: Any, go: str, step: Step) -> AnyResponse:
    base = f"/s/{principal.session}/connections/{connection}"
    return see_other(base if go == "leave" else f"{base}/{step.value}")


ROUTES = [
    new_connection,
    start,
    address,
    save_address,
    keys,
    save_keys,
    check,
    check_again,
    approval,
    submit,
    withdraw,
]
