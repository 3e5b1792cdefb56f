"""Proof Key for Code Exchange (RFC 7636), S256 only: `plain` is never sent (4.2), whatever a server claims to support."""

from __future__ import annotations

import base64
import hashlib

from vestibule.kit.ids import new_secret

METHOD = "S256"


def new_verifier() -> str:
    """A code verifier of 43 unreserved characters from 32 random octets, as 4.1 and 7.1 recommend."""
    return new_secret(32)


def challenge_of(verifier: str) -> str:
    """BASE64URL-ENCODE(SHA256(ASCII(code_verifier))), paragraph 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
