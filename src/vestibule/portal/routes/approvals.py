"""Approving: what awaits me, exactly what changed, the sign-in to the EHR, the decision."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import BadInput, InvalidFields, NotAllowed
from vestibule.identity.members import Members
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.cookies import Cookie, parse, set_cookie
from vestibule.platform.web.pages import see_other
from vestibule.portal import words
from vestibule.portal.ehr_sign_in import CALLBACK, UNFINISHED, EhrSignIns, Standing, browser_cookie
from vestibule.portal.pages import APPROVERS, BAD, DECIDERS, AnyRequest, AnyResponse, me, sentences, show
from vestibule.portal.people import names_of, told
from vestibule.portal.reports import Reports
from vestibule.protocols.oauth2 import read_callback
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import ConnectionLine, Version, VersionState
from vestibule.tenancy.organisations import Organisations

_MAX_FIELDS = 40


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Yes or no to exactly what was on the page."""

    version: int
    revision: int
    reason: str = ""


@get("/s/{sid:uuid}/approvals", access=DECIDERS)
async def approvals_page(
    request: AnyRequest, principal: Principal, db: Database, organisations: Organisations, approvals: Approvals, members: Members
) -> AnyResponse:
    """What awaits a decision, mine first."""
    after = str(request.query_params.get("after", ""))
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        found = await approvals.lines(tx, state="awaiting", after=after)
        versions = await approvals.newest_of(tx, [line.id for line in found.items])
        awaiting = [(line, versions[line.id]) for line in found.items if line.id in versions]
        people = await names_of(tx, members, {who for _, v in awaiting for who in (v.content.approver, v.submitted_by) if who})
    mine, others = split(awaiting, principal)
    return show(
        request,
        principal,
        "approvals.html",
        brand=brand,
        mine=mine,
        others=others,
        next=found.next,
        first=not after,
        people=people,
        environments=words.environments(),
        vendors=words.vendors(),
    )


def split(awaiting: list[tuple[ConnectionLine, Version]], principal: Principal) -> tuple[list[Any], list[Any]]:
    """What awaits this person, and what awaits others."""
    mine = [pair for pair in awaiting if pair[1].content.approver == principal.member]
    return mine, [pair for pair in awaiting if pair not in mine]


@get("/s/{sid:uuid}/approvals/{connection:uuid}", access=DECIDERS)
async def approval_page(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    db: Database,
    organisations: Organisations,
    approvals: Approvals,
    members: Members,
    reports: Reports,
    ehr_sign_ins: EhrSignIns,
) -> AnyResponse:
    """Exactly what changed since the last approval, what the doctor found, and the decision."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        facts = await _facts(tx, principal, one, organisations, approvals, members, reports, ehr_sign_ins)
    return _show(request, principal, facts)


@get("/s/{sid:uuid}/connections/{connection:uuid}/ehr-sign-in", access=APPROVERS)
async def ehr_sign_in(request: AnyRequest, principal: Principal, connection: UUID, ehr_sign_ins: EhrSignIns) -> AnyResponse:
    """Off to the EHR's sign-in. A GET, because no form may lead to another site; it changes nothing but that an attempt is remembered."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise NotAllowed("cross-site-request", "This request did not come from one of our own pages.", phase="web")
    departure = await ehr_sign_ins.begin(principal, ConnectionId(connection))
    if departure is None:
        return see_other(f"/s/{principal.session}/approvals/{connection}")
    set_cookie(request, departure.cookie)
    return see_other(departure.url)


@get(CALLBACK, access=Access.PUBLIC)
async def ehr_sign_in_callback(request: AnyRequest, ehr_sign_ins: EhrSignIns, actor: Actor) -> AnyResponse:
    """The EHR sends the approver's browser back."""
    returned = read_callback(_query(request))
    back = await ehr_sign_ins.finish(returned, parse(request.headers.get("cookie", "")), actor)
    set_cookie(request, Cookie(browser_cookie(returned.state), "", CALLBACK, 0))
    return see_other(back)


@post("/s/{sid:uuid}/approvals/{connection:uuid}/approve", access=APPROVERS)
async def approve(
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Decision],
    db: Database,
    approvals: Approvals,
    ehr_sign_ins: EhrSignIns,
    actor: Actor,
) -> AnyResponse:
    """Put it into force, then on to the records."""
    one = ConnectionId(connection)
    async with db.tenant(principal.tenant) as tx:
        proved = await ehr_sign_ins.spend(tx, principal, one, version=data.version, revision=data.revision)
        await approvals.approve(tx, one, version=data.version, revision=data.revision, by=actor, member=principal.member, proved=proved)
    return see_other(f"/s/{principal.session}/connections/{connection}/records")


@post("/s/{sid:uuid}/approvals/{connection:uuid}/reject", access=APPROVERS)
async def reject(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Decision],
    db: Database,
    organisations: Organisations,
    approvals: Approvals,
    members: Members,
    reports: Reports,
    ehr_sign_ins: EhrSignIns,
    actor: Actor,
) -> AnyResponse:
    """Send it back with a reason."""
    one = ConnectionId(connection)
    try:
        async with db.tenant(principal.tenant) as tx:
            await approvals.reject(
                tx, one, version=data.version, revision=data.revision, reason=data.reason, by=actor, member=principal.member
            )
    except InvalidFields as error:
        async with db.tenant(principal.tenant) as tx:
            facts = await _facts(tx, principal, one, organisations, approvals, members, reports, ehr_sign_ins)
        return _show(request, principal, facts, reason=data.reason, mistakes=sentences(error.fields), status=BAD)
    return see_other(f"/s/{principal.session}/approvals/{connection}")


async def _facts(
    tx: Tx,
    principal: Principal,
    one: ConnectionId,
    organisations: Organisations,
    approvals: Approvals,
    members: Members,
    reports: Reports,
    ehr_sign_ins: EhrSignIns,
) -> dict[str, Any]:
    organisation, version = await organisations.get(tx), await approvals.newest(tx, one)
    named = {who for who in (version.content.approver, version.submitted_by, version.decided_by) if who}
    mine = version.state is VersionState.AWAITING and version.content.approver == me(principal)
    wrote = me(principal) in {*version.authors, version.submitted_by}
    standing = await ehr_sign_ins.standing(tx, principal, version) if mine else Standing()
    return {
        "brand": organisation.name,
        "one": one,
        "version": version,
        "serving": await approvals.in_force(tx, one),
        "changes": await told(tx, approvals, organisations, members, one),
        "report": await reports.one(tx, one, "check"),
        "people": await names_of(tx, members, named),
        "mine": mine,
        "second_needed": organisation.two_persons and wrote,
        "standing": standing,
        "troubles": words.troubles(standing.code),
        "unfinished": standing.code == UNFINISHED,
    }


def _show(request: AnyRequest, principal: Principal, facts: dict[str, Any], *, reason: str = "", **more: Any) -> AnyResponse:
    version, serving = facts["version"], facts["serving"]
    return show(
        request,
        principal,
        "approve.html",
        names=words.fields(),
        value_words=words.value_words,
        environments=words.environments(),
        pill=words.state_pill(version.state, serving=serving is not None),
        reason=reason,
        **facts,
        **more,
    )


def _query(request: AnyRequest) -> list[tuple[str, str]]:
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadInput("callback-invalid", "The address that the record system sent you to is not complete.", phase="approval") from None


ROUTES = [approvals_page, approval_page, ehr_sign_in, ehr_sign_in_callback, approve, reject]
