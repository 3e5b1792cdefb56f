"""What orchestrators and Prometheus ask."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get
from litestar.response import Response

from vestibule.platform.health.pulse import STOPPING, Pulse
from vestibule.platform.telemetry.metrics import exposition
from vestibule.platform.web.access import Access


@get("/health/live", access=Access.PUBLIC)
async def live() -> dict[str, bool]:
    """The event loop answers: do not restart this process."""
    return {"alive": True}


@get("/health/ready", access=Access.PUBLIC)
async def ready(request: Request[Any, Any, Any], pulse: Pulse) -> Response[Any]:
    """A write committed and its notification came back: send people here. A node that winds down says so at once."""
    report = STOPPING if request.app.state.get("stopping") else await pulse.check()
    return Response(msgspec.json.encode(report), status_code=200 if report.ready else 503, media_type="application/json")


@get("/metrics", access=Access.INTERNAL)
async def metrics() -> Response[bytes]:
    """Figures in Prometheus' text format."""
    return Response(exposition(), media_type="text/plain; version=0.0.4")


ROUTES = [live, ready, metrics]
