"""The Azure-like carrier's door: who is asking (HMAC-SHA256 over verb, path, date, host and body), and refusals in its shape."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from aiohttp import web

from practice.carriers.model import AzureResource
from practice.hospital import hospital

_SIGNED = "x-ms-date;host;x-ms-content-sha256"
_AUTHORIZATION = re.compile(r"HMAC-SHA256 SignedHeaders=([^&]+)&Signature=([A-Za-z0-9+/]+={0,2})")
_WINDOW = 15 * 60  # seconds by which a request's date may be off


class Refusal(Exception):
    """The carrier says no."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def answer(self) -> web.Response:
        """In the documented shape."""
        body = {"error": {"code": self.code, "message": str(self)}}
        return web.json_response(body, status=self.status, headers={"x-ms-error-code": self.code, **(self.headers or {})})


def denied(why: str) -> Refusal:
    """A request whose sender is not proved."""
    return Refusal(401, "Denied", f"Denied by the resource provider: {why}")


async def resource_of(request: web.Request) -> AzureResource:
    """Whose request this is; on one host the key tells.

    Raises:
        Refusal: 401 for whoever does not prove it, 400 without an api-version.
    """
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise denied("no HMAC-SHA256 authorization")
    if found[1].lower() != _SIGNED:
        raise denied("other headers are to be signed")
    said = request.headers.get("x-ms-date", "")
    body = await request.read()
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if request.headers.get("x-ms-content-sha256", "") != digest:
        raise denied("the hash is not the body's")
    if abs(_seconds(said) - hospital(request).now()) > _WINDOW:
        raise denied("the date is too far off")
    text = f"{request.method}\n{request.raw_path}\n{said};{request.host};{digest}"
    for resource in hospital(request).exchange.book.azure_resources:
        mac = hmac.new(base64.b64decode(resource.key), text.encode(), hashlib.sha256).digest()
        if hmac.compare_digest(base64.b64encode(mac).decode(), found[2]):
            if not request.query.get("api-version"):
                raise Refusal(400, "MissingApiVersionParameter", "The query parameter api-version is required")
            return resource
    raise denied("the signature does not fit")


def _seconds(said: str) -> float:
    try:
        return parsedate_to_datetime(said).timestamp()
    except ValueError as error:
        raise denied("no x-ms-date") from error


async def read(request: web.Request, kind: type[Any]) -> Any:
    """The JSON body as what it should be.

    Raises:
        Refusal: 400, naming what is not so.
    """
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise Refusal(400, "BadRequest", str(error)) from error
