"""What Microsoft encrypts for us, opened. Pure.

"Set up change notifications that include resource data": each item has a key of its own, encrypted for our certificate (RSA-OAEP, SHA-1 and
MGF1 with SHA-1); by that key the data is first proved (HMAC-SHA256 over the encrypted bytes) and only then decrypted (AES-256-CBC, PKCS7,
the first 16 bytes of the key as initialisation vector).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_private_key

from vestibule.errors import BadInput, NotAllowed
from vestibule.meetings.model import KeyPair

PHASE: Final = "meeting.notice"
_KEY_BYTES: Final = 32
_LARGEST: Final = 2_000_000  # in base64
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303  theirs to choose; OAEP does not rest on it


@dataclass(frozen=True, slots=True)
class Sealed:
    """`encryptedContent` of an item, taken apart.

    Attributes:
        key_id: which of our certificates it was encrypted for.
        data_key: the item's own key, encrypted.
    """

    key_id: str
    data_key: bytes = field(repr=False)
    data: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def taken_apart(item: Mapping[str, Any]) -> Sealed:
    """The encrypted content of an item.

    Raises:
        BadInput: `teams-notice-unreadable`.
    """
    content = item.get("encryptedContent")
    if not isinstance(content, Mapping) or not isinstance(content.get("encryptionCertificateId"), str):
        unreadable()
    data_key, data, signature = (_bytes(content.get(name)) for name in ("dataKey", "data", "dataSignature"))
    return Sealed(content["encryptionCertificateId"], data_key, data, signature)


def opened(sealed: Sealed, keys: Mapping[str, KeyPair]) -> bytes:
    """What was encrypted.

    Raises:
        BadInput: `teams-notice-unreadable`: not encrypted for a key we have, or not in the way it is done.
        NotAllowed: `teams-notice-forged`: altered since it was encrypted.
    """
    pair = keys.get(sealed.key_id)
    if pair is None:
        unreadable()
    key = _data_key(pair, sealed.data_key)
    if not hmac.compare_digest(hmac.digest(key, sealed.data, "sha256"), sealed.signature):
        raise NotAllowed("teams-notice-forged", "What Microsoft sent was altered on its way.", phase=PHASE)
    try:
        cipher = Cipher(AES(key), CBC(key[:16])).decryptor()
        filled = cipher.update(sealed.data) + cipher.finalize()
        unpadder = PKCS7(AES.block_size).unpadder()
        return unpadder.update(filled) + unpadder.finalize()
    except ValueError:
        unreadable()


def _data_key(pair: KeyPair, encrypted: bytes) -> bytes:
    """The item's own key. Ours was made here and kept sealed: its factors are not proved prime again for every item."""
    try:
        private = load_der_private_key(pair.private, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(private, rsa.RSAPrivateKey):
            unreadable()
        key = private.decrypt(encrypted, _OAEP)
    except ValueError:
        unreadable()
    if len(key) != _KEY_BYTES:
        unreadable()
    return key


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or not text or len(text) > _LARGEST:
        unreadable()
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        unreadable()


def unreadable() -> NoReturn:
    """It cannot be opened, for whatever reason: whoever sent it learns nothing of which."""
    raise BadInput("teams-notice-unreadable", "What Microsoft sent cannot be read.", phase=PHASE)
