"""Every route of the API, and the description made of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response import Response

from vestibule.api import connections, looking, organisation
from vestibule.api.describe import description
from vestibule.platform.web.access import Access

OPERATIONS = [*organisation.ROUTES, *connections.ROUTES, *looking.ROUTES]


@cache
def described(origin: str) -> bytes:
    """The OpenAPI description as JSON."""
    return msgspec.json.encode(description(OPERATIONS, origin))


@get("/api/openapi.json", access=Access.PUBLIC)
async def openapi(request: Request[Any, Any, Any]) -> Response[Any]:
    """The description; it says nothing about anybody."""
    return Response(
        described(request.app.state.web.origin), media_type="application/json", headers={"cache-control": "public, max-age=300"}
    )


ROUTES = [openapi, *OPERATIONS]
