"""Encryption of what is stored: client secrets, signing keys, names, contact data.

AES-256-GCM with a fresh 96-bit nonce. Each box says *what it is about* (`participant.name:<tenant>:<participant>`), and that is
authenticated: a box copied to another row does not open there. Keys form a ring: the first seals, all open, so that a key is rotated by
putting a new one in front and sealing old rows again (`is_current`).

One key may seal 2**32 boxes before random nonces become a risk (NIST SP 800-38D 8.3); a hospital seals some 10**7 a year.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vestibule.errors import Unavailable
from vestibule.kit.ids import random_bytes

_VERSION = 1
_NONCE = 12
_KEY = 32
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}\Z")


class SecretBox:
    """Seals and opens texts under a ring of named keys."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Take the ring.

        Args:
            keys: (name, 32 random bytes), the current one first; names are stored beside what they seal, so never use one twice.
        """
        if not keys:
            raise ValueError("at least one key")
        if len({name for name, _ in keys}) != len(keys):
            raise ValueError("each key needs a name of its own")
        for name, key in keys:
            if not _NAME.match(name) or len(key) != _KEY:
                raise ValueError("a key is 32 bytes, its name 1-32 letters, digits, dots, dashes")
        self._current = keys[0][0]
        self._header = bytes([_VERSION, len(self._current)]) + self._current.encode()
        self._ciphers = {name: AESGCM(_derive(key, b"seal")) for name, key in keys}
        self._seal = self._ciphers[self._current].encrypt
        self._hash_keys = [_derive(key, b"hash") for _, key in keys]

    def __repr__(self) -> str:
        return f"SecretBox(current={self._current!r})"

    def seal(self, plain: str, *, about: str) -> bytes:
        """Encrypt; the same text never looks the same twice."""
        return self.seal_bytes(plain.encode(), about=about)

    def seal_bytes(self, plain: bytes, *, about: str) -> bytes:
        """Encrypt what is no text, or a text whose encoding somebody else must find out."""
        nonce = random_bytes(_NONCE)
        return self._header + nonce + self._seal(nonce, plain, self._header + about.encode())

    def open(self, sealed: bytes, *, about: str) -> str:
        """Decrypt what was sealed about the same thing.

        Raises:
            Unavailable: `secret-key-missing` when the ring lacks the key, `secret-unreadable` when it was altered, cut or is about
                something else. Neither says anything about the content.
        """
        try:
            return self.open_bytes(sealed, about=about).decode()
        except UnicodeDecodeError:
            _unreadable()

    def open_bytes(self, sealed: bytes, *, about: str) -> bytes:
        """Decrypt what `seal_bytes` sealed about the same thing.

        Raises:
            Unavailable: as `open`.
        """
        header, name = _header(sealed)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Unavailable(
                "secret-key-missing", "A stored secret needs a key that is not configured.", phase="secretbox.open", permanent=True
            )
        body = sealed[len(header) :]
        try:
            return cipher.decrypt(body[:_NONCE], body[_NONCE:], header + about.encode())
        except (InvalidTag, ValueError):
            _unreadable()

    def is_current(self, sealed: bytes) -> bool:
        """False when it was sealed under an older key and should be sealed again."""
        return _header(sealed)[1] == self._current

    def keyed_hash(self, text: str) -> bytes:
        """A fingerprint of something guessable (a phone number), useless without the current key."""
        return _mac(self._hash_keys[0], text)

    def keyed_hashes(self, text: str) -> list[bytes]:
        """The fingerprint under every key of the ring, for looking up rows written before a rotation."""
        return [_mac(key, text) for key in self._hash_keys]


def _derive(key: bytes, purpose: bytes) -> bytes:
    """One key a purpose, so that the two uses of a ring's key cannot meet."""
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=b"vestibule secretbox " + purpose).derive(key)


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _header(sealed: bytes) -> tuple[bytes, str]:
    """Version, name length, name."""
    if len(sealed) < 2 or sealed[0] != _VERSION or len(sealed) < 2 + sealed[1] + _NONCE:  # noqa: PLR2004  the two bytes before the name
        _unreadable()
    header = sealed[: 2 + sealed[1]]
    return header, header[2:].decode("ascii", "replace")


def _unreadable() -> NoReturn:
    raise Unavailable("secret-unreadable", "A stored secret cannot be read.", phase="secretbox.open", permanent=True)
