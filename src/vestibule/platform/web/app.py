"""Puts the web application together: routes, services, access, pages, and the outer layer.

    app = build_app(routes=[console, lobby], services={"visits": visits, "clock": clock}, config=WebConfig(origin="https://..."))

A handler names a service as a parameter and gets it: `async def console(request: Request, principal: Principal, visits: Visits)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ControllerRouterHandler, Scope

from vestibule.kit.clock import Clock, SystemClock
from vestibule.platform.audit import Actor, actor_from
from vestibule.platform.web import assets as asset_routes
from vestibule.platform.web import problems
from vestibule.platform.web.access import Rule, guard
from vestibule.platform.web.assets import assets_of
from vestibule.platform.web.config import WEB, WebConfig
from vestibule.platform.web.front import Front
from vestibule.platform.web.pages import Pages
from vestibule.platform.web.parameters import bind, mark


def build_app(
    *,
    routes: Sequence[ControllerRouterHandler],
    services: Mapping[str, Any],
    config: WebConfig,
    lifespan: Sequence[Any] = (),
) -> Litestar:
    """The whole web application as an ASGI callable.

    Args:
        routes: what the features' `routes` modules declare.
        services: become parameters of handlers, by name.
        config: how it behaves.
        lifespan: Litestar lifespan managers, started with the server and stopped after its last request.

    Raises:
        RuntimeError: a route does not say who may use it.
    """
    every = [asset_routes.asset, asset_routes.favicon, asset_routes.robots, *routes]
    names = {*services, "principal", "actor"}
    for route in every:
        mark(route, names)
    held = dict(services)
    app = Litestar(
        route_handlers=[bind(route, held) for route in every],
        guards=[guard],
        dependencies={
            "principal": Provide(_principal, sync_to_thread=False),
            "actor": Provide(_actor, sync_to_thread=False),
            **({} if all(isinstance(route, BaseRouteHandler) for route in every) else {n: _given(v) for n, v in services.items()}),
        },
        exception_handlers={Exception: problems.response},
        lifespan=list(lifespan),
        state=State({"services": held}),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # Front counts, and says it in our own words
    )
    _refuse_open_doors(app)
    _find_mounts_by_method(app.asgi_router.root_route_map_node)
    app.state["inner"] = app.asgi_handler
    return refit(app, services=services, config=config)


def refit(app: Litestar, *, services: Mapping[str, Any], config: WebConfig) -> Litestar:
    """The same routes over other services. Putting two hundred of them together takes half a second, which tests would wait for each time.

    Args:
        app: made by `build_app` from the same routes; nobody serves it now.
        services: of the same names.
        config: how it behaves from now on.
    """
    held: dict[str, Any] = app.state["services"]
    held.clear()
    held.update(services)
    assets = assets_of(tuple({"web": WEB / "assets", **config.assets}.items()))
    app.state.pop("stopping", None)
    app.state.update({"web": config, "assets": assets, "pages": Pages(config, assets)})
    inner = app.state["inner"]
    clock: Clock = services.get("clock", SystemClock())
    app.asgi_handler = Front(config.around(inner) if config.around else inner, config, clock)
    return app


def access_table(app: Litestar) -> list[tuple[str, str, str]]:
    """Every route as (methods, path template, who), sorted by path: for the test that counts doors and for the documentation."""
    rows = []
    for methods, path, handler in _handlers(app):
        rule = handler.opt.get("access")
        rows.append((methods, path, rule.words if isinstance(rule, Rule) else "nobody"))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def service(scope: Any, name: str) -> Any:
    """A service, for plain ASGI mounts that Litestar does not inject into."""
    return scope["litestar_app"].state["services"][name]


def _given(value: Any) -> Provide:
    """A dependency that is simply there."""

    def give() -> Any:
        return value

    return Provide(give, sync_to_thread=False, use_cache=True)


def _principal(scope: Scope) -> Any:
    return scope["state"]["principal"]


def _actor(scope: Scope) -> Actor:
    return actor_from(scope["state"])


def _handlers(app: Litestar) -> list[tuple[str, str, BaseRouteHandler]]:
    found: list[tuple[str, str, BaseRouteHandler]] = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[union-attr]
            if isinstance(handler, HTTPRouteHandler):
                methods = ",".join(sorted(handler.http_methods))
                if methods == "OPTIONS":  # Litestar's own; the guard refuses it like anything undeclared
                    continue
            else:
                methods = "WS" if route.scope_type.value == "websocket" else "ASGI"
            found.append((methods, route.path_format, handler))
    return found


def _refuse_open_doors(app: Litestar) -> None:
    programs = [row for row in _handlers(app) if getattr(row[2].opt.get("access"), "words", "").startswith("token")]
    if any(not path.startswith("/api/") for _, path, _ in programs):
        raise RuntimeError("a route for programs starts with /api/")
    open_doors = [f"{methods} {path}" for methods, path, handler in _handlers(app) if not isinstance(handler.opt.get("access"), Rule)]
    if open_doors:
        raise RuntimeError(f"these routes do not say who may use them (access=Access....): {', '.join(open_doors)}")
    for methods, path, handler in _handlers(app):
        rule = handler.opt["access"]
        if path.startswith("/api/") and methods != "GET" and not rule.words.startswith("token"):
            raise RuntimeError(f"{methods} {path}: what changes something under /api/ is for programs with a token only")
        if rule.words.startswith("session") and not path.startswith("/s/{sid}/"):
            raise RuntimeError(f"{methods} {path} asks for a session, so its path must start with /s/{{sid:uuid}}/")


def _find_mounts_by_method(node: Any) -> None:
    """Let `@asgi` routes have path parameters: Litestar 2.25 files those under "asgi" but looks them up under the request's method."""
    if node.is_asgi:
        for method in HttpMethod:
            node.path_parameters.setdefault(method.value, node.path_parameters["asgi"])
    for child in node.children.values():
        _find_mounts_by_method(child)
