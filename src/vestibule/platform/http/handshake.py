"""Connecting without saying anything: may we, who answers, with which TLS and which certificate.

For the doctor, who must name what a request would only stumble over.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from vestibule.platform.http.guard import Policy, classify, judge
from vestibule.platform.http.resolver import Lookup, guarded_socket
from vestibule.platform.http.target import Target

_CONNECT_SECONDS = 2.0
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Handshake:
    """A connection that stood.

    Attributes:
        tls: e.g. `TLSv1.3`; empty over plain http.
        not_after: when the certificate ends.
    """

    tls: str = ""
    not_after: datetime | None = None


class Why(StrEnum):
    """Why a connection did not come about."""

    NAME = "name"
    REFUSED = "refused"
    SILENT = "silent"
    HUNG_UP = "hung-up"
    NO_ROUTE = "no-route"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    OTHER_HOST = "other-host"
    UNTRUSTED = "untrusted"
    OLD_TLS = "old-tls"
    TLS = "tls"
    UNKNOWN = "unknown"


# OpenSSL's verification results (X509_V_ERR_*).
_CERTIFICATE = {9: Why.NOT_YET, 10: Why.EXPIRED, 62: Why.OTHER_HOST, 64: Why.OTHER_HOST}
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


async def shake(target: Target, policy: Policy, lookup: Lookup, trust: ssl.SSLContext) -> Handshake:
    """Connect to the first address of `target` that answers; all are judged first. Raises what the network and the guard raise."""
    addresses = await addresses_of(target, lookup)
    for address in addresses:
        judge(address, policy)
    made = await connected(addresses, target.port, policy)
    secure: dict[str, Any] = {"ssl": trust, "server_hostname": target.host} if target.scheme == "https" else {}
    try:
        _, writer = await asyncio.open_connection(sock=made, **secure)
    except BaseException:
        made.close()
        raise
    try:
        return _seen(writer.get_extra_info("ssl_object"))
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def connected(addresses: Sequence[str], port: int, policy: Policy) -> socket.socket:
    """A socket to the first address that takes us; the last one's failure when none does."""
    failure: OSError = socket.gaierror("the name has no address")
    for address in addresses[:_MOST_ADDRESSES]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = guarded_socket(policy)((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(made, (address, port))
        except OSError as error:  # a TimeoutError is one
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure


async def addresses_of(target: Target, lookup: Lookup) -> Sequence[str]:
    """The addresses of a target's host."""
    if target.numeric:
        return [target.host]
    found = await lookup(target.host)
    if not found:
        raise socket.gaierror("the name has no address")
    return found


async def kinds_of(target: Target, lookup: Lookup) -> tuple[str, ...]:
    """What kinds of address a target's host has, in the guard's words."""
    return tuple(sorted({classify(ip_address(address)) for address in await addresses_of(target, lookup)}))


def _seen(tls: Any) -> Handshake:
    if tls is None:
        return Handshake()
    ends = (tls.getpeercert() or {}).get("notAfter", "")
    not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None
    return Handshake(tls.version() or "", not_after)


def why(error: BaseException | None) -> Why:
    """The reason at the bottom of a chain of exceptions."""
    found = Why.UNKNOWN
    while error is not None:
        found = _one(error) or found
        error = error.__cause__ or error.__context__
    return found


def _one(error: BaseException) -> Why | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(getattr(error, "verify_code", 0), Why.UNTRUSTED)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return Why.OLD_TLS if ("PROTOCOL" in reason and "VERSION" in reason) or "UNSUPPORTED_PROTOCOL" in reason else Why.TLS
    if isinstance(error, socket.gaierror):
        return Why.NAME
    if isinstance(error, ConnectionRefusedError):
        return Why.REFUSED
    if isinstance(error, ConnectionError):
        return Why.HUNG_UP
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Why.NO_ROUTE
    return Why.SILENT if isinstance(error, TimeoutError) else None
