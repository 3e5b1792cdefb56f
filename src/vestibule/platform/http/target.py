"""A URL taken apart once, strictly, so that everybody afterwards means the same machine by it. Pure.

Two parsers that disagree about `https://good#@evil` are how credentials leave the house. Here there is one:
what it does not understand, it refuses, and what it understood is what is connected to, compared and logged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urljoin

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][\x21-\x7e]*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label like this makes some resolvers read the whole host as a number (WHATWG "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
# Allowed by people, not by RFC 3986: FHIR searches are full of bars.
_QUOTED = str.maketrans({c: f"%{ord(c):02X}" for c in '"<>^`{|}'})
MOST_PORTS = 65_535  # RFC 9293 3.1: sixteen bits
_DEFAULT_PORT = {"http": 80, "https": 443}
_LONGEST_URL = 8_000
_LONGEST_HOST = 253


class BadUrl(ValueError):
    """Not a URL we would ever follow; the text says why and never repeats the URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    Attributes:
        host: lower case, without trailing dot; IPv6 without brackets, compressed.
        path: with query, as it goes onto the wire.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port in the one spelling that is compared (RFC 6454)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        """The whole, canonical."""
        return self.origin + self.path

    @property
    def numeric(self) -> bool:
        """True when the host is an address already."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()


def parse(url: str) -> Target:
    """Take a URL apart or raise BadUrl. A fragment is dropped: it never leaves a client."""
    bare = url.partition("#")[0]
    if len(bare) > _LONGEST_URL:
        raise BadUrl("too long")
    if "\\" in bare or not bare.isascii() or not bare.isprintable():
        raise BadUrl("has a character no URL has")
    found = _URL.fullmatch(bare)
    if found is None:
        raise BadUrl("is not of the form https://host/path")
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORT[scheme]
    if not 0 < port <= MOST_PORTS:
        raise BadUrl("has an impossible port")
    path = (found["path"] or "/").translate(_QUOTED)
    return Target(scheme, _host(found["host"]), port, path if path.startswith("/") else "/" + path)


def join(base: Target, location: str) -> Target:
    """Where a `Location` leads from `base` (RFC 3986 5), parsed as strictly as any other."""
    if not location.isascii() or not location.isprintable():  # urljoin would drop tabs silently
        raise BadUrl("has a character no URL has")
    try:
        joined = urljoin(base.url, location)
    except ValueError:
        raise BadUrl("cannot be joined") from None
    return parse(joined)


def origin_of(url: str) -> str:
    """The canonical origin of a URL; raises BadUrl."""
    return parse(url).origin


def _host(raw: str) -> str:
    if raw.startswith("["):
        try:
            return IPv6Address(raw[1:-1]).compressed
        except ValueError:
            raise BadUrl("has a malformed IPv6 address") from None
    host = raw.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise BadUrl("spells an IPv4 address in an unusual way") from None
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("has a malformed host name")
    return host
