"""Web origins (RFC 6454), as text."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_DEFAULT_PORT = {"http": 80, "https": 443}


def is_loopback_host(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1 in their plain spellings only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """`scheme://host[:port]`, lower case, default port left out; raises ValueError when there is no host or a user is named."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an http(s) URL with a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.rstrip(".")
    port = parts.port
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORT[parts.scheme] else "")
