"""Refusals in the words of RFC 6749."""

from __future__ import annotations


class OAuthError(Exception):
    """A refusal with its RFC 6749 code; `status` is for answers that are not redirects."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


def invalid_client(description: str) -> OAuthError:
    """The client did not prove who it is."""
    return OAuthError("invalid_client", description, status=401)
