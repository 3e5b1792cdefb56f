"""Which clinicians have said who they are at Microsoft, and how that is taken back.

Everybody is called by two ids: names are not stored. Taking it back ends no meeting; they are asked to sign in again at their next visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from litestar import get, post

from vestibule.errors import NotFound
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.meetings.desk.frame import ADMINISTRATORS, READERS, AnyRequest, AnyResponse, MeetingDesk, back, show
from vestibule.meetings.model import Binding
from vestibule.platform.audit import Actor
from vestibule.platform.db import Tx

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A clinician on the page.

    Attributes:
        person: what the record calls them; `kind`: as what.
        connection: the name of the connection they come through; empty for one that was removed.
    """

    one: Binding
    person: str = field(repr=False)
    kind: str
    connection: str


@get("/s/{sid:uuid}/meetings/people", access=READERS)
async def bound_people(
    request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk, search: str = "", after: str = ""
) -> AnyResponse:
    """The list, or those whom a search finds: by exactly what the record calls somebody, or by object id."""
    search = search.strip()[:_LONGEST]
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over, names = await meeting_desk.overview(tx), await _names(meeting_desk, tx)
        if search:
            found, following = await meeting_desk.bindings.search(tx, search, names), ""
        else:
            part = await meeting_desk.bindings.listing(tx, after=after)
            found, following = part.items, part.next
    lines = [_line(binding, names.get(connection, "")) for connection, binding in found]
    return show(request, principal, "people.html", over, lines=lines, search=search, next=following, after=after)


@get("/s/{sid:uuid}/meetings/people/{key:uuid}", access=READERS)
async def bound_person(request: AnyRequest, principal: Principal, key: UUID, meeting_desk: MeetingDesk) -> AnyResponse:
    """One of them, and the button that takes it back."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over, names = await meeting_desk.overview(tx), await _names(meeting_desk, tx)
        connection, binding = await meeting_desk.bindings.get(tx, key)
    return show(request, principal, "person.html", over, line=_line(binding, names.get(connection, "")))


@post("/s/{sid:uuid}/meetings/people/{key:uuid}/unbind", access=ADMINISTRATORS)
async def unbind(principal: Principal, key: UUID, meeting_desk: MeetingDesk, actor: Actor) -> AnyResponse:
    """Take it back; that somebody was quicker is as good."""
    with suppress(NotFound):
        async with meeting_desk.db.tenant(principal.tenant) as tx:
            await meeting_desk.bindings.unbind(tx, key, by=actor)
    return back(principal, "people", told="unbound")


async def _names(desk: MeetingDesk, tx: Tx) -> Mapping[ConnectionId, str]:
    return dict(await desk.tenancy.connection_names(tx))


def _line(binding: Binding, connection: str) -> Line:
    kind, _, person = binding.person.partition(":")
    return Line(binding, person, kind, connection)


ROUTES = [bound_people, bound_person, unbind]
