"""The keys that id_tokens are signed with, and their rotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

_BITS = 2048
_KEPT = 2


class SigningKeys:
    """RS256 keys; the newest signs, the one before stays published so that a token under way still verifies."""

    def __init__(self) -> None:
        self._made: list[RSAKey] = []

    @property
    def _keys(self) -> list[RSAKey]:
        """The first key is made when it is first needed: that takes a moment."""
        if not self._made:
            self._made.append(RSAKey.generate_key(_BITS, auto_kid=True))
        return self._made

    def rotate(self, *, forget: bool = False) -> str:
        """Make a new key the signing one; with `forget` the old ones are no longer published. Gives the new kid."""
        self._keys.insert(0, RSAKey.generate_key(_BITS, auto_kid=True))
        del self._keys[1 if forget else _KEPT :]
        return str(self._keys[0].kid)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A signed JWT."""
        key = self._keys[0]
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key.kid}, dict(claims), key, algorithms=["RS256"])

    def public(self) -> dict[str, Any]:
        """The JWKS."""
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in self._keys]}
