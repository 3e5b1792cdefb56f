"""What went wrong at a sign-in, in words for the person who met it. The log has the exact code."""

from __future__ import annotations

from typing import Final

from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError

_PHASE: Final = "sign-in.provider"
# A configuration that cannot work until the operator changes it.
_OURS: Final = frozenset({"token-invalid-client", "token-invalid-scope", "outside-bad-url", "outside-insecure", "outside-refused-address"})
# Somebody, somewhere, is not who they say they are.
_FALSE: Final = ("jwt-", "id-token-", "callback-issuer", "entra-person-missing")


def in_calm_words(error: VestibuleError) -> VestibuleError:
    """One of five things a person can understand, or the error itself where it is in such words already."""
    if error.code.startswith("sign-in-"):
        return error
    if not error.permanent:
        return OutsideFailed(
            "sign-in-unavailable",
            "The sign-in service does not answer at the moment. Please try again in a moment.",
            phase=_PHASE,
            retry_after=error.retry_after,
        )
    if error.code in _OURS or error.code.startswith("openid-"):
        return OutsideFailed(
            "sign-in-misconfigured",
            "Signing in is not set up as it should be. Please tell your support team.",
            phase=_PHASE,
            permanent=True,
        )
    if error.code.startswith(_FALSE):
        return NotAllowed("sign-in-not-trusted", "What the sign-in service said about you could not be verified.", phase=_PHASE)
    return OutsideFailed("sign-in-failed", "The sign-in did not succeed. Please start again.", phase=_PHASE, permanent=True)
