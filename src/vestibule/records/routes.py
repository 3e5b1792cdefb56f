"""The pages of what is handed over: the records of a connection, what the EHR holds instead, and addresses taken apart.

Nothing that is pasted is stored, logged or sent anywhere; the answer to a form is the page itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import Conflict
from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page
from vestibule.records import kinds
from vestibule.records.model import Difference, Inlet, Level, Statement
from vestibule.records.pasting import MOST
from vestibule.records.service import Records, TestLink, as_csv, as_text
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import Tenancy

ENGINEERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)
_SAMPLE: Final = "SAMPLE-WITHOUT-A-RECORD"
_MOST_SAMPLES: Final = 12  # connections whose sample addresses stand on the page

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


class Paste(msgspec.Struct, forbid_unknown_fields=True):
    """What the EHR holds, as somebody copied it."""

    kind: str
    pasted: str = ""


class Address(msgspec.Struct, forbid_unknown_fields=True):
    """An address to take apart."""

    address: str = ""


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """For which connection a test link is made."""

    connection: UUID


# ---------------------------------------------------------------------- the records of one connection


@get("/s/{sid:uuid}/connections/{connection:uuid}/records", access=ENGINEERS)
async def records_page(
    request: AnyRequest, principal: Principal, connection: UUID, db: Database, records: Records, tenancy: Tenancy
) -> AnyResponse:
    """What is copied into the EHR; before approval, what is missing."""
    async with db.tenant(principal.tenant) as tx:
        one = await tenancy.connection(tx, ConnectionId(connection))
        organisation = await tenancy.tenant(tx)
        inlet = await records.inlet(tx, one)
    return _records(request, principal, one, records, organisation.name, inlet)


@post("/s/{sid:uuid}/connections/{connection:uuid}/records", access=ENGINEERS, status_code=200)
async def check(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Paste],
    db: Database,
    records: Records,
    tenancy: Tenancy,
) -> AnyResponse:
    """The differences between what was pasted and what we gave."""
    async with db.tenant(principal.tenant) as tx:
        one = await tenancy.connection(tx, ConnectionId(connection))
        organisation = await tenancy.tenant(tx)
        _must_serve(one)
        found = await records.compare(tx, one, data.kind, data.pasted)
        inlet = await records.inlet(tx, one)
    asked = {"kind": data.kind, "pasted": data.pasted[:MOST]}
    return _records(request, principal, one, records, organisation.name, inlet, found=found, asked=asked)


@get("/s/{sid:uuid}/connections/{connection:uuid}/records.txt", access=ENGINEERS)
async def text_file(principal: Principal, connection: UUID, db: Database, records: Records, tenancy: Tenancy) -> AnyResponse:
    """The records as text."""
    async with db.tenant(principal.tenant) as tx:
        one = _must_serve(await tenancy.connection(tx, ConnectionId(connection)))
        inlet = await records.inlet(tx, one)
    return _file(as_text(one, records.pack(one, inlet)), "text/plain", f"records-{one.id}.txt")


@get("/s/{sid:uuid}/connections/{connection:uuid}/records.csv", access=ENGINEERS)
async def csv_file(principal: Principal, connection: UUID, db: Database, records: Records, tenancy: Tenancy) -> AnyResponse:
    """The records as a table."""
    async with db.tenant(principal.tenant) as tx:
        one = _must_serve(await tenancy.connection(tx, ConnectionId(connection)))
        inlet = await records.inlet(tx, one)
    return _file(as_csv(records.pack(one, inlet)), "text/csv", f"records-{one.id}.csv")


def _records(
    request: AnyRequest,
    principal: Principal,
    one: Connection,
    records: Records,
    brand: str,
    inlet: Inlet | None,
    *,
    found: list[Difference] | None = None,
    asked: Mapping[str, str] | None = None,
) -> AnyResponse:
    pack = records.pack(one, inlet) if one.serving else []
    return page(
        request,
        "records/records.html",
        brand=brand,
        support_phone="",
        base=f"/s/{principal.session}",
        connection=one,
        pack=pack,
        later=kinds.later(one.vendor, inlet),
        kinds=[(record.kind, record.title) for record in pack],
        missing=_missing(one),
        found=found,
        asked=asked or {"kind": pack[0].kind if pack else "", "pasted": ""},
        levels=_levels(),
    )


def _missing(one: Connection) -> list[str]:
    """Why there is less to copy than there could be."""
    if not one.serving:
        return [_("The connection is not in force: finish its set-up and have it approved. What is copied before that would not work.")]
    said = []
    if not one.provider_client_id:
        said.append(_("Clinicians cannot launch: the client id of the provider app is missing."))
    if not one.patient_client_id:
        said.append(_("Patients cannot launch: the client id of the patient app is missing."))
    if not one.backend_client_id:
        said.append(_("The record is told nothing of connects and disconnects: the client id of the back-end app is missing."))
    return said


def _must_serve(one: Connection) -> Connection:
    if not one.serving:
        raise Conflict("records-not-in-force", "This connection is not in force yet: it has no records to copy.", phase="records")
    return one


def _file(text: str, kind: str, name: str) -> AnyResponse:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(text, media_type=f"{kind}; charset=utf-8", headers=headers)


# ---------------------------------------------------------------------- addresses


@get("/s/{sid:uuid}/links", access=ENGINEERS)
async def links_page(request: AnyRequest, principal: Principal, db: Database, records: Records, tenancy: Tenancy) -> AnyResponse:
    """Test addresses to make, and a place for one to be taken apart."""
    return await _links(request, principal, db, records, tenancy)


@post("/s/{sid:uuid}/links/explain", access=ENGINEERS, status_code=200)
async def explain(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[Address], db: Database, records: Records, tenancy: Tenancy
) -> AnyResponse:
    """What an address is and what is wrong with it. It is not kept, and not repeated where it is a short link, which is a secret."""
    async with db.tenant(principal.tenant) as tx:
        said = await records.explain(tx, data.address)
    return await _links(request, principal, db, records, tenancy, said=said)


@post("/s/{sid:uuid}/links/test", access=ENGINEERS, status_code=200)
async def make_link(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[Wanted], db: Database, records: Records, tenancy: Tenancy, actor: Actor
) -> AnyResponse:
    """A short link into a synthetic visit, shown this once."""
    async with db.tenant(principal.tenant) as tx:
        made = await records.test_link(tx, ConnectionId(data.connection), by=actor)
    return await _links(request, principal, db, records, tenancy, made=made)


async def _links(
    request: AnyRequest,
    principal: Principal,
    db: Database,
    records: Records,
    tenancy: Tenancy,
    *,
    said: list[Statement] | None = None,
    made: TestLink | None = None,
) -> AnyResponse:
    async with db.tenant(principal.tenant) as tx:
        serving = [one for one in await tenancy.connections(tx) if one.serving]
        organisation = await tenancy.tenant(tx)
    return page(
        request,
        "records/links.html",
        brand=organisation.name,
        support_phone="",
        base=f"/s/{principal.session}",
        serving=serving,
        samples=[(one, records.samples(one, _SAMPLE)) for one in serving[:_MOST_SAMPLES]],
        said=said,
        good=said is not None and not any(one.level is Level.STOPS for one in said),
        join_url=f"{records.origin}/j/{made.code}" if made else "",
        made=made,
        levels=_levels(),
    )


def _levels() -> dict[Level, tuple[str, str]]:
    """Level -> (tone, words)."""
    return {Level.GOOD: ("good", _("Good")), Level.LOOK: ("wait", _("Look")), Level.STOPS: ("bad", _("Stops"))}


ROUTES = [records_page, check, text_file, csv_file, links_page, explain, make_link]
