"""What every page of the feed shares: who may see what, and its frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from litestar import Request
from litestar.response import Response

from vestibule.errors import NotFound
from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.platform.db import Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import staff_page
from vestibule.tenancy.service import Tenancy

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

READERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)
QUIET: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER, quiet=True)
WRITERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER)
_WRITE: Final = frozenset({StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER})


@dataclass(frozen=True, slots=True)
class Where:
    """A connection whose feed is looked at.

    Attributes:
        brand: the organisation's name.
    """

    id: ConnectionId
    name: str
    brand: str


@dataclass(frozen=True, slots=True)
class FeedPlaces:
    """Where senders reach this installation, for the set-up page.

    Attributes:
        host: as the sender should write it.
        mllp: port of MLLP with TLS; likewise https. None where the installation has none.
    """

    host: str
    mllp: int | None
    https: int | None


async def where(tx: Tx, tenancy: Tenancy, connection: UUID) -> Where:
    """The connection of a page.

    Raises:
        NotFound: it is none of the organisation's that are in force.
    """
    names = dict(await tenancy.connection_names(tx))
    one = ConnectionId(connection)
    if one not in names:
        raise NotFound("no-such-thing", "There is no such thing here.", phase="feed.page")
    return Where(one, names[one], (await tenancy.tenant(tx)).name)


def show(request: AnyRequest, principal: Principal, template: str, *, brand: str, status: int = 200, **facts: Any) -> AnyResponse:
    """A page of the feed."""
    return staff_page(
        request,
        principal,
        f"feed/{template}",
        status=status,
        brand=brand,
        may_write=bool(principal.roles & _WRITE),
        **facts,
    )
