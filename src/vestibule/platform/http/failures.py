"""What can go wrong on the way out and back, in words and codes."""

from __future__ import annotations

import ssl

import aiohttp

from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.platform.http.body import BodyBroken, BodyTooLarge
from vestibule.platform.http.guard import Refused
from vestibule.platform.http.target import BadUrl

# With these the request has surely not left: whoever must not repeat it blindly may repeat it after all.
NEVER_SENT = frozenset(
    {
        "outside-bad-url",
        "outside-bad-header",
        "outside-busy",
        "outside-circuit-open",
        "outside-insecure",
        "outside-refused-address",
        "outside-tls",
        "outside-unreachable",
    }
)

# OpenSSL's verification results (X509_V_ERR_*), as a person would say them.
_CERTIFICATE = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not trusted here",
    19: "comes from an authority that is not trusted here",
    20: "comes from an authority that is not trusted here",
    21: "comes without the intermediate certificate that would prove it",
    23: "has been revoked",
    62: "was issued for another host name",
    64: "was issued for another address",
}


def in_words(error: Exception, *, phase: str, sent: bool) -> VestibuleError:
    """The error of ours that says what `error` means.

    Args:
        error: what aiohttp, the guard or the deadline raised.
        phase: the Ask's.
        sent: True when a connection stood, so that the request may have reached the other side.
    """
    if isinstance(error, Refused) and str(error) == "public":  # only plain http refuses a public address
        return insecure(phase)
    if isinstance(error, Refused):
        return NotAllowed(
            "outside-refused-address", f"The address leads to a machine that must not be called ({error}).", phase=phase, permanent=True
        )
    if isinstance(error, BadUrl | aiohttp.InvalidURL):
        return NotAllowed("outside-bad-url", "The address of the other system is not one that can be called.", phase=phase, permanent=True)
    if isinstance(error, BodyTooLarge):
        return OutsideFailed("outside-too-large", "The other system sent more than is allowed.", phase=phase, permanent=True)
    tls = _tls_cause(error)
    if tls is not None and not sent:
        return OutsideFailed("outside-tls", f"No safe connection to the other system: {_tls_words(tls)}.", phase=phase)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) or not sent:
        return OutsideFailed("outside-unreachable", "The other system cannot be reached.", phase=phase)
    if isinstance(error, TimeoutError):
        return OutsideFailed("outside-timeout", "The other system took too long to answer.", phase=phase)
    what = f"its {error}" if isinstance(error, BodyBroken) else "its answer broke off or is not HTTP"
    return OutsideFailed("outside-broken-answer", f"The other system's answer cannot be used: {what}.", phase=phase)


def insecure(phase: str) -> NotAllowed:
    """Plain http where it must not be."""
    return NotAllowed("outside-insecure", "The other system must be called over https.", phase=phase)


def _tls_cause(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS failure at the bottom of a chain of exceptions, if there is one; aiohttp's wrapping looks like one and says less."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, aiohttp.ClientError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate {_CERTIFICATE.get(error.verify_code, 'cannot be verified')}"
    reason = error.reason or ""
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return "it speaks only versions of TLS older than 1.2"
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return "it refused the handshake"
    return "it does not speak TLS as it should"
