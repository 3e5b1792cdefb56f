"""Whose certificates are believed: the system's authorities."""

from __future__ import annotations

import ssl
from functools import lru_cache


@lru_cache(maxsize=1)
def system_trust() -> ssl.SSLContext:
    """TLS 1.2 or newer, verified by the system's authorities.

    Reading those takes longer than opening a pool of connections to the database, so all doors of a process share what was read once.
    Nobody changes it.
    """
    context = ssl.create_default_context()
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context
