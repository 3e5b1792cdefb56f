"""How the API reads and answers: strict JSON in, JSON out, revisions as entity tags, problems with their fields."""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.response import Response

from vestibule.errors import BadInput, VestibuleError
from vestibule.kit.jsontext import JsonError, read_json

T = TypeVar("T")
TAG: Final = r'^(\*|"[A-Za-z0-9_-]{1,64}")$'
_TAG = re.compile(TAG)
_PHASE: Final = "api"
_MAX_FIELDS: Final = 20
_DEPTH: Final = 16


class Stale(VestibuleError):
    """It has changed since it was read (RFC 9110 13.1.1)."""

    status: ClassVar[int] = 412


class Blind(VestibuleError):
    """A change must say which revision it is of (RFC 6585 3)."""

    status: ClassVar[int] = 428


async def body(request: Request[Any, Any, Any], shape: type[T]) -> T:
    """The request's JSON in its strict shape: nothing unknown, nothing twice.

    Raises:
        BadInput: api-body-wrong, with the place; it repeats names of fields and never values.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in {
        "application/json",
        "application/merge-patch+json",
    }:
        raise BadInput("api-body-wrong", "Send JSON, with `Content-Type: application/json`.", phase=_PHASE)
    try:
        return msgspec.convert(_whole(read_json(await request.body(), max_depth=_DEPTH)), shape)
    except JsonError as error:
        raise BadInput("api-body-wrong", f"This is no JSON we can read ({error.reason}).", phase=_PHASE) from None
    except msgspec.ValidationError as error:
        raise BadInput("api-body-wrong", f"{error}.", phase=_PHASE) from None


def _whole(value: Any) -> Any:
    """The value with 1.0 as 1: to JSON these are one number, and a schema's `integer` means both."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def query(request: Request[Any, Any, Any], shape: type[T]) -> T:
    """The parameters after the question mark; an unknown or repeated one is a mistake, not ignored.

    Raises:
        BadInput: api-query-wrong.
    """
    try:
        text = request.scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MAX_FIELDS, errors="strict")
        return msgspec.convert(_each_once(pairs), shape, strict=False)
    except (ValueError, msgspec.ValidationError) as error:
        words = str(error) if isinstance(error, msgspec.ValidationError) else "it cannot be read, or names something twice"
        raise BadInput("api-query-wrong", f"The part after the question mark is wrong: {words}.", phase=_PHASE) from None


def _each_once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def wanted_tag(request: Request[Any, Any, Any]) -> str:
    """What If-Match says: an entity tag without its quotes, or `*`.

    Raises:
        Blind: api-precondition-missing. BadInput: api-precondition-wrong.
    """
    said = request.headers.get("if-match")
    if said is None:
        raise Blind("api-precondition-missing", "Say in If-Match which revision this is about: the ETag you read, or *.", phase=_PHASE)
    if not _TAG.fullmatch(said):
        raise BadInput("api-precondition-wrong", "If-Match must be one ETag in quotes, as it was given, or *.", phase=_PHASE)
    return said.strip('"')


def check_tag(request: Request[Any, Any, Any], current: str) -> None:
    """Let a change of this very state pass.

    Raises:
        Stale: api-precondition-failed. Blind, BadInput: as `wanted_tag`.
    """
    if wanted_tag(request) not in {"*", current}:
        raise stale()


def stale() -> Stale:
    """What a change of something that has changed meanwhile is answered with."""
    return Stale("api-precondition-failed", "This has changed since you read it. Read it again, then decide.", phase=_PHASE)


def tag_of(value: Any) -> str:
    """An entity tag of a thing without revisions: a hash of all it says."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:32]


def answer(value: Any, *, status: int = 200, tag: str = "", location: str = "") -> Response[Any]:
    """JSON, with its entity tag and address where it has them."""
    headers = ({"etag": f'"{tag}"'} if tag else {}) | ({"location": location} if location else {})
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json", headers=headers)


def nothing() -> Response[Any]:
    """Done, and there is nothing to say."""
    return Response(None, status_code=204)
