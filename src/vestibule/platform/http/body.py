"""An answer's body as it comes in: inflated here, and counted after inflating, so that a small lie cannot become a large one. Pure."""

from __future__ import annotations

import zlib

# What we say we understand, and so all a server may use.
ACCEPT_ENCODING = "gzip, deflate"

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS


class BodyTooLarge(ValueError):
    """More bytes than the caller wants, inflated or on the wire."""


class BodyBroken(ValueError):
    """Not the encoding it claims, or cut off."""


class Body:
    """Collects a body of at most `limit` bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._wire = 0
        self._got = bytearray()
        self._bits = _window_bits(encoding.strip().lower())
        self._inflater = zlib.decompressobj(self._bits) if self._bits else None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        self._wire += len(chunk)
        if self._wire > self._limit:
            raise BodyTooLarge
        if self._inflater is None:
            self._got += chunk
        else:
            self._inflate(chunk)
        if len(self._got) > self._limit:
            raise BodyTooLarge

    def finish(self) -> bytes:
        """The whole body, once the wire is at its end."""
        if self._inflater is not None and self._wire and not self._inflater.eof:
            raise BodyBroken("the compressed body was cut off")
        return bytes(self._got)

    def _inflate(self, chunk: bytes) -> None:
        """Inflate no more than one byte beyond the limit: that byte is the proof that it was passed."""
        while chunk:
            inflater = self._next_member()
            try:
                self._got += inflater.decompress(chunk, self._limit + 1 - len(self._got))
            except zlib.error:
                raise BodyBroken("the body is not the compression it claims") from None
            if len(self._got) > self._limit:
                raise BodyTooLarge
            chunk = inflater.unused_data if inflater.eof else b""

    def _next_member(self) -> zlib._Decompress:
        """The present stream, or a fresh one: gzip may be several, one after the other (RFC 1952 2.2)."""
        assert self._inflater is not None  # noqa: S101  only called for compressed bodies
        if self._inflater.eof:
            self._inflater = zlib.decompressobj(self._bits)
        return self._inflater


def _window_bits(encoding: str) -> int:
    known = {"": 0, "identity": 0, "gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
    if encoding not in known:
        raise BodyBroken("the body has a compression we did not ask for")
    return known[encoding]
