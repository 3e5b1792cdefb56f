"""The OpenAPI 3.1 description, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from vestibule.api.operations import Operation
from vestibule.api.wire import TAG

_CREATED: Final = 201
_SCHEMAS: Final = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")
_KINDS: Final[Mapping[str, dict[str, Any]]] = {"uuid": {"type": "string", "format": "uuid"}, "str": {"type": "string", "minLength": 1}}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable and documented; `reference` finds the whole story in the log.",
    "required": ["type", "title", "status", "detail", "code", "phase", "reference", "permanent"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "phase": {"type": "string"},
        "reference": {"type": "string"},
        "permanent": {"type": "boolean"},
        "fields": {"type": "object"},
    },
}
_ALWAYS: Final = {
    400: "It cannot be understood.",
    401: "There is no valid token.",
    403: "This token may not do that.",
    408: "The request did not arrive in time.",
    413: "The request is too large.",
    421: "The organisation lives in another region's cell; `detail` names its address.",
    429: "Too many requests; `Retry-After` says when the next may come.",
    503: "It cannot be done now; nothing was lost.",
}
_MISSING: Final = {404: "There is no such thing in this organisation."}
_CONFLICT: Final = {409: "It is not in a state that allows this."}
_MATCHED: Final = {412: "It has changed since it was read.", 428: "If-Match is missing."}
_UNPROCESSABLE: Final = {422: "It was understood, but some fields cannot be used: `fields` says which and why."}


def description(routes: Iterable[HTTPRouteHandler], origin: str) -> dict[str, Any]:
    """The whole description of those routes that have an `api=`."""
    described = [(route, route.opt["api"]) for route in routes if isinstance(route.opt.get("api"), Operation)]
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described:
        for path in sorted(route.paths):
            method = next(iter(sorted(route.http_methods))).lower()
            entry = paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})
            entry[method] = _operation(operation, path, str(route.opt["access"].words))
            if operation.status == _CREATED and operation.tagged:
                entry[method]["responses"]["201"]["links"] = _links(path, described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vestibule",
            "version": "1",
            "description": "Set up and look after one organisation's connections. The token says which organisation.",
        },
        "servers": [{"url": origin}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {**_schemas(one for _, one in described), "Problem": _PROBLEM},
        },
    }


def _links(made_at: str, described: Iterable[tuple[HTTPRouteHandler, Operation]]) -> dict[str, Any]:
    """What may be done next with what was just made."""
    found = {}
    for route, operation in described:
        path = next(iter(route.paths))
        names = _PARAMETER.findall(path.removeprefix(made_at))
        if path.startswith(made_at + "/") and len(names) == 1:
            wants = {names[0][0]: "$response.body#/id"} | ({"header.If-Match": "$response.header.ETag"} if operation.matched else {})
            found[operation.name] = {"operationId": operation.name, "parameters": wants}
    return found


def problems_of(operation: Operation, path: str) -> dict[int, str]:
    """Every way in which an operation may go wrong."""
    found = dict(_ALWAYS)
    found |= _MISSING if "{" in path else {}
    found |= _CONFLICT if operation.body or operation.matched or operation.status in {201, 204} else {}
    found |= _MATCHED if operation.matched else {}
    found |= _UNPROCESSABLE if operation.unprocessable else {}
    return dict(sorted(found.items()))


def _operation(operation: Operation, path: str, who: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "description": f"{operation.says} For {who}.",
        "parameters": list(_parameters(operation, path)),
        "responses": {str(operation.status): _good(operation), **_bad(operation, path)},
    }
    if operation.body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(operation.body)}}}
    return made


def _parameters(operation: Operation, path: str) -> Iterator[dict[str, Any]]:
    for name, kind in _PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": _KINDS[kind]}
    if operation.query is not None:
        (_, components) = msgspec.json.schema_components([operation.query], ref_template=_SCHEMAS)
        for name, schema in components[operation.query.__name__]["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": _plain(schema, components)}
    if operation.matched:
        yield {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string", "pattern": TAG}}


def _plain(schema: dict[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's schema without references and without null, which a query cannot say."""
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    chosen = options[0]
    if "$ref" in chosen:
        chosen = components[chosen["$ref"].rpartition("/")[2]]
    return {name: value for name, value in chosen.items() if name not in {"title", "default"} or value is not None}


def _good(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"description": "Done." if operation.answer is None else "The answer."}
    if operation.answer is not None:
        schema = {"type": "string"} if operation.answer is str else _reference(operation.answer)
        made["content"] = {operation.media: {"schema": schema}}
    if operation.tagged:
        made["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "For If-Match of the next change."}}
    return made


def _bad(operation: Operation, path: str) -> dict[str, Any]:
    schema = {"application/problem+json": {"schema": {"$ref": _SCHEMAS.format(name="Problem")}}}
    return {str(status): {"description": why, "content": schema} for status, why in problems_of(operation, path).items()}


def _reference(shape: Any) -> dict[str, Any]:
    ((reference,), _) = msgspec.json.schema_components([shape], ref_template=_SCHEMAS)
    return reference


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    shapes = [shape for one in operations for shape in (one.answer, one.body) if shape is not None and shape is not str]
    (_, components) = msgspec.json.schema_components(shapes, ref_template=_SCHEMAS)
    return dict(sorted(components.items()))
