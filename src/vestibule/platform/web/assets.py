"""Scripts, styles and pictures: read once, hashed, compressed, and served under an address that carries their version.

`/assets/<version>/room/room.js` may be kept for ever; a module it imports as `./devices.js` stays inside the same version.
`/assets/room/room.js` works too and is asked for again each time (ETag).
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from vestibule.errors import NotFound
from vestibule.platform.web.access import Access

TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_SMALL = 600  # compressing less saves nothing
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    packed: bytes | None
    media_type: str
    etag: str


class Assets:
    """All files of all folders, in memory: a few hundred kilobytes."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._files: dict[str, Asset] = {}
        for name, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix in TYPES:
                    self._files[f"{name}/{path.relative_to(folder).as_posix()}"] = _read(path)
        digest = hashlib.sha256("".join(f"{key}{self._files[key].etag}" for key in sorted(self._files)).encode())
        self.version = digest.hexdigest()[:10]

    def url(self, name: str) -> str:
        """The versioned address of `room/room.js`; a name that does not exist is a mistake in a template."""
        if name not in self._files:
            raise LookupError(f"no such asset: {name}")
        return f"/assets/{self.version}/{name}"

    def find(self, path: str) -> tuple[Asset, bool]:
        """The asset at a path below /assets/, and whether the address names this very version.

        An older version's address (a page loaded before a deployment) gets today's file, not to be kept.
        """
        if asset := self._files.get(path):
            return asset, False
        version, _, name = path.partition("/")
        if asset := self._files.get(name):
            return asset, version == self.version
        raise NotFound("no-such-asset", "There is no such file.", phase="web")


@lru_cache(8)
def assets_of(folders: tuple[tuple[str, Path], ...]) -> Assets:
    """The files of these folders, read once in a process."""
    return Assets(dict(folders))


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if len(body) > _SMALL and path.suffix not in {".png", ".woff2"} else None
    return Asset(body, packed, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')


@get("/assets/{path:path}", access=Access.PUBLIC)
async def asset(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """One asset."""
    found, kept = request.app.state.assets.find(path.lstrip("/"))
    headers = {"etag": found.etag, "cache-control": FOR_EVER if kept else "no-cache", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == found.etag:
        return Response(b"", status_code=304, headers=headers)
    body = found.body
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        body = found.packed
        headers["content-encoding"] = "gzip"
    return Response(body, media_type=found.media_type, headers=headers)


@get("/favicon.ico", access=Access.PUBLIC)
async def favicon(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Browsers ask for this whatever the page says."""
    found, _ = request.app.state.assets.find("web/mark.svg")
    return Response(found.body, media_type=found.media_type, headers={"cache-control": "public, max-age=86400"})


@get("/robots.txt", access=Access.PUBLIC)
async def robots() -> Response[bytes]:
    """Nothing here is for search engines."""
    return Response(b"User-agent: *\nDisallow: /\n", media_type="text/plain")
