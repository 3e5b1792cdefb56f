"""Handlers write plain parameters; this gives each the marker Litestar wants.

    async def admit(request: Request, sid: UUID, data: Admit, visits: Visits, page: int = 0)

`sid` stands in the path, `data` is a JSON body, `visits` is a service, `page` is a query parameter: a name says what it is, once,
here, instead of in every signature. A parameter that is marked already (`data: URLEncodedBody[Form]`) stays as it is. What we inject
ourselves is not validated again: that would cost time on each request, and Litestar cannot judge a Protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import update_wrapper
from inspect import iscoroutinefunction, signature
from typing import Annotated, Any, get_origin, get_type_hints

from litestar import Controller
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

_IN_PATH = re.compile(r"{(\w+):")
_LITESTARS_OWN = frozenset({"request", "socket", "scope", "receive", "send", "state", "headers", "cookies", "query", "body", "return"})


def mark(route: Any, services: Iterable[str]) -> None:
    """Mark the parameters of a handler, or of every handler of a controller."""
    names = frozenset(services)
    for handler in _handlers(route):
        in_path = {name for path in handler.paths for name in _IN_PATH.findall(path)}
        in_path |= set(_IN_PATH.findall(str(getattr(route, "path", ""))))
        _mark_function(handler.fn, names, in_path)


def _handlers(route: Any) -> list[BaseRouteHandler]:
    if isinstance(route, BaseRouteHandler):
        return [route]
    if isinstance(route, type) and issubclass(route, Controller):
        return [value for value in vars(route).values() if isinstance(value, BaseRouteHandler)]
    return []


def _mark_function(function: Callable[..., Any], services: frozenset[str], in_path: set[str]) -> None:
    hints = get_type_hints(function, include_extras=True)
    for name, hint in hints.items():
        if name not in _LITESTARS_OWN and get_origin(hint) is not Annotated:
            function.__annotations__[name] = _marked(name, hint, services, in_path)


def _marked(name: str, hint: Any, services: frozenset[str], in_path: set[str]) -> Any:
    marker: Any = NamedDependency if name in services else FromPath if name in in_path else JSONBody if name == "data" else FromQuery
    return marker[Any if name in services else hint]


def bind(route: Any, services: Mapping[str, Any]) -> Any:
    """The handler with its services already given; anything else than a single async handler as it was.

    Services are the same for every request, so nothing is looked up anew each time: Litestar starts a task for each dependency
    wherever there are two, which made up a tenth of the cost of a page.
    """
    if not isinstance(route, BaseRouteHandler) or not iscoroutinefunction(route.fn):
        return route
    given = [name for name in signature(route.fn).parameters if name in services]
    if not given:
        return route
    bound = copy(route)
    bound._fn = _given(route.fn, given, services)  # noqa: SLF001  a handler's function has no other door
    return bound


def _given(function: Callable[..., Any], given: Sequence[str], services: Mapping[str, Any]) -> Callable[..., Any]:
    async def bound(*args: Any, **more: Any) -> Any:
        return await function(*args, **more, **{name: services[name] for name in given})

    update_wrapper(bound, function)
    del bound.__wrapped__  # type: ignore[attr-defined]  # or the signature would be read from the original
    bound.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name not in given}
    original = signature(function)
    left = [p for p in original.parameters.values() if p.name not in given]
    bound.__signature__ = original.replace(parameters=left)  # type: ignore[attr-defined]
    return bound
