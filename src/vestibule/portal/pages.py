"""What every page of the portal shares: who may see what, its frame, and the mistakes of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.response import Response

from vestibule.errors import NotAllowed
from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import MemberId
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import staff_page
from vestibule.tenancy.judging import sentence_of

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

MEMBERS: Final = Access.staff()
ADMINISTRATORS: Final = Access.staff(StaffRole.ADMINISTRATOR)
READERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER, StaffRole.AUDITOR)
CHECKERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)
APPROVERS: Final = Access.staff(StaffRole.APPROVER)
DECIDERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER)
BAD: Final = 400
STALE: Final = 409


def show(
    request: AnyRequest,
    principal: Principal,
    template: str,
    *,
    brand: str,
    status: int = 200,
    mistakes: Mapping[str, str] | None = None,
    **facts: Any,
) -> AnyResponse:
    """A page of the portal.

    Args:
        request: being answered.
        principal: who looks.
        template: below `templates/portal/`.
        brand: the organisation's name.
        status: of the answer.
        mistakes: field -> sentence.
        facts: whatever the template asks for.
    """
    return staff_page(
        request,
        principal,
        f"portal/{template}",
        status=status,
        brand=brand,
        mistakes=mistakes or {},
        may=frozenset(role.value for role in principal.roles),
        **facts,
    )


def sentences(codes: Mapping[str, str]) -> dict[str, str]:
    """Field -> code as field -> sentence in the reader's language."""
    return {name: sentence_of(code) for name, code in codes.items()}


def me(principal: Principal) -> MemberId:
    """The member who asks; routes of the portal are for members only."""
    if principal.member is None:
        raise NotAllowed("role-not-allowed", "This page is not for you.", phase="session")
    return principal.member


def query(request: AnyRequest, *names: str, most: int = 200) -> dict[str, str]:
    """What a list was asked for, cut short; what it does not know is left out."""
    return {name: str(request.query_params.get(name, ""))[:most] for name in names}
