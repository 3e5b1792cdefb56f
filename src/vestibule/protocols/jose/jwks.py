"""Other people's published keys: read with suspicion, chosen by name, and fetched anew only when that can help (RFC 7517)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from vestibule.errors import OutsideFailed

# What we accept on a signature, and the key each needs (RFC 8725 3.1, 3.2; RFC 7518 3.3, 3.4).
# No `none`, no HMAC: a public key is no shared secret.
VERIFIED_ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
}
_MIN_RSA_BITS: Final = 2048  # RFC 7518 3.3: a key of size 2048 bits or larger MUST be used
_MAX_RSA_BITS: Final = 8192  # a key set is hostile input: verifying with a giant modulus costs seconds
_MAX_KEYS: Final = 100
REFETCH_AFTER: Final = timedelta(seconds=60)
_MAX_AGE: Final = timedelta(hours=12)

PublicKey = ECKey | RSAKey


@dataclass(frozen=True, slots=True)
class _Published:
    kid: str | None
    alg: str | None
    fits: str  # "RSA" or the curve
    key: PublicKey
    issuer: str | None = None  # whom it signs for, where the publisher says so (Microsoft does)


@dataclass(frozen=True, slots=True)
class Jwks:
    """The verification keys of one issuer.

    Attributes:
        fetched_at: when they were read; decides about fetching them again.
    """

    keys: tuple[_Published, ...]
    fetched_at: datetime | None = None

    @classmethod
    def of(cls, document: Any, *, fetched_at: datetime | None = None, phase: str = "launch.jwks") -> Jwks:
        """Read a JWK set. Keys we cannot use are skipped (RFC 7517 5); a document without the member `keys` is an error."""
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
            raise OutsideFailed("jwks-invalid", "The record system's key list cannot be read.", phase=phase)
        found = (_usable(entry) for entry in entries)
        return cls(tuple(key for key in found if key is not None), fetched_at)

    def pick(self, kid: str | None, alg: str) -> PublicKey | None:
        """The one key that may have made a signature with this header; None when there is none or it would be a guess.

        OIDC Core 10.1: a signer with several keys must name the one it used.
        """
        fits = VERIFIED_ALGORITHMS.get(alg)
        able = [k for k in self.keys if k.fits == fits and k.alg in {None, alg} and (kid is None or k.kid == kid)]
        return able[0].key if len(able) == 1 else None

    def of_issuer(self, signs: Callable[[str], bool]) -> Jwks:
        """Without the keys that say they sign for somebody else: one key set may hold the keys of many issuers."""
        return replace(self, keys=tuple(key for key in self.keys if key.issuer is None or signs(key.issuer)))

    def worth_refetching(self, now: datetime) -> bool:
        """True when an unknown key name may be news rather than an attack: the set is older than a minute.

        OIDC Core 10.1.1: rotation is signalled by an unfamiliar `kid`; a flood of invented ones must not become a flood of fetches.
        """
        return self.fetched_at is None or now - self.fetched_at >= REFETCH_AFTER

    def stale(self, now: datetime) -> bool:
        """True when the set is old enough that a withdrawn key might still be in it."""
        return self.fetched_at is None or now - self.fetched_at >= _MAX_AGE


def _usable(entry: Any) -> _Published | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kid, alg, issuer = entry.get("kid"), entry.get("alg"), entry.get("issuer")
    if not all(isinstance(label, str | None) for label in (kid, alg, issuer)):
        return None
    try:
        key = _imported({k: v for k, v in entry.items() if k in {"kty", "crv", "x", "y", "n", "e"}}, kid, alg)
        return replace(key, issuer=issuer) if key else None
    except (JoseError, ValueError, TypeError, KeyError):  # a broken key is one we cannot use
        return None


def _imported(public: dict[str, Any], kid: str | None, alg: str | None) -> _Published | None:
    if public.get("kty") == "EC":
        curve = ECKey.import_key(public)
        return _Published(kid, alg, str(curve.curve_name), curve)
    if public.get("kty") == "RSA":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joserfc only warns of a short modulus; the next line refuses it
            modulus = RSAKey.import_key(public)
        bits = modulus.raw_value.key_size
        return _Published(kid, alg, "RSA", modulus) if _MIN_RSA_BITS <= bits <= _MAX_RSA_BITS else None
    return None
