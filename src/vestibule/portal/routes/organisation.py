"""The page of the organisation: its name, its telephone, its rules."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import InvalidFields
from vestibule.identity.members import Members
from vestibule.identity.model import Principal
from vestibule.kit.numbers import digits
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.pages import see_other
from vestibule.portal import words
from vestibule.portal.pages import ADMINISTRATORS, BAD, AnyRequest, AnyResponse, me, sentences, show
from vestibule.protocols.oidc import is_guid
from vestibule.tenancy.model import Organisation
from vestibule.tenancy.organisations import Organisations


class OrganisationForm(msgspec.Struct, forbid_unknown_fields=True):
    """What an administrator may set of the organisation; its region and its parent are not among it."""

    name: str = ""
    support_phone: str = ""
    entra_tenant: str = ""
    idle_minutes: str = ""
    two_persons: str = ""
    approve_oracle: str = ""


@get("/s/{sid:uuid}/organisation", access=ADMINISTRATORS)
async def organisation_page(request: AnyRequest, principal: Principal, db: Database, organisations: Organisations) -> AnyResponse:
    """The organisation as it is set."""
    async with db.tenant(principal.tenant) as tx:
        one = await organisations.get(tx)
        parent = await organisations.parent(tx)
    saved = request.query_params.get("saved") == "yes"
    return _page(request, principal, one, parent, _written(one), saved=saved)


@post("/s/{sid:uuid}/organisation", access=ADMINISTRATORS)
async def save_organisation(
    request: AnyRequest,
    principal: Principal,
    data: URLEncodedBody[OrganisationForm],
    db: Database,
    organisations: Organisations,
    members: Members,
    actor: Actor,
) -> AnyResponse:
    """Set it."""
    typed = {name: str(value) for name, value in msgspec.structs.asdict(data).items()}
    changes, wrong = _read(typed)
    if not wrong:
        try:
            async with db.tenant(principal.tenant) as tx:
                await _keep_the_door_open(tx, members, principal, changes["entra_tenant"])
                await organisations.change(tx, changes, by=actor)
        except InvalidFields as error:
            wrong = error.fields
    if not wrong:
        return see_other(f"/s/{principal.session}/organisation?saved=yes")
    async with db.tenant(principal.tenant) as tx:
        one, parent = await organisations.get(tx), await organisations.parent(tx)
    return _page(request, principal, one, parent, typed, mistakes=sentences(wrong), status=BAD)


def _page(
    request: AnyRequest, principal: Principal, one: Organisation, parent: Any, values: dict[str, str], *, saved: bool = False, **more: Any
) -> AnyResponse:
    return show(
        request,
        principal,
        "organisation.html",
        brand=one.name,
        organisation=one,
        parent=parent,
        values=values,
        names=words.fields(),
        saved=saved,
        **more,
    )


async def _keep_the_door_open(tx: Tx, members: Members, principal: Principal, wanted: str) -> None:
    """Another directory than the administrator's own would let them in no more, and with them, most likely, nobody."""
    own = await members.directory_of(tx, me(principal))
    if own and is_guid(wanted) and wanted != own:
        raise InvalidFields({"entra_tenant": "entra-tenant-not-yours"}, phase="organisation.save")


def _written(one: Organisation) -> dict[str, str]:
    return {
        "name": one.name,
        "support_phone": one.support_phone,
        "entra_tenant": one.entra_tenant,
        "idle_minutes": "" if one.idle_minutes is None else str(one.idle_minutes),
        "two_persons": "yes" if one.two_persons else "",
        "approve_oracle": "yes" if one.approve_oracle else "",
    }


def _read(typed: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    idle = typed["idle_minutes"].strip()
    minutes = digits(idle, most=6)  # the organisation's own rule is narrower
    good = not idle or minutes is not None
    changes = {
        "name": typed["name"].strip(),
        "support_phone": typed["support_phone"].strip(),
        "entra_tenant": typed["entra_tenant"].strip().lower(),
        "idle_minutes": minutes,
        "two_persons": typed["two_persons"] == "yes",
        "approve_oracle": typed["approve_oracle"] == "yes",
    }
    return changes, {} if good else {"idle_minutes": "minutes-range"}


ROUTES = [organisation_page, save_organisation]
