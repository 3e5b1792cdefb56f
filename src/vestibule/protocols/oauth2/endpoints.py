"""Which addresses we are willing to take from a stranger's discovery document (RFC 6749 3.1, 3.2)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from vestibule.kit.origins import is_loopback_host

_MAX_URL: Final = 2048
_PLAIN = re.compile(r"[\x21-\x7e]+")  # no spaces, controls or look-alike letters


def acceptable(url: object, *, loopback_http: bool = False) -> bool:
    """True for an https address without fragment, user or odd characters (RFC 6749 3.1, 3.1.2.1, 3.2).

    Args:
        url: anything found where an address should be.
        loopback_http: also allow plain http on this very machine.
    """
    if not isinstance(url, str) or len(url) > _MAX_URL or not _PLAIN.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port judges it
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or "#" in url or "\\" in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and loopback_http and is_loopback_host(host))
