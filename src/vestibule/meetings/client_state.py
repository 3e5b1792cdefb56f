"""What comes back with every notification (`clientState`): whose it is and that we said so, proved by a keyed hash. Nothing is looked up.

64 bytes in base64url, 86 characters of the 128 that Graph allows: the organisation, our own id of the subscription, and the hash of both.
Whoever sends anything else costs us one hash and no statement in the database.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final
from uuid import UUID

from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox

_BYTES: Final = 64
_LENGTH: Final = 86


def client_state(box: SecretBox, tenant: TenantId, subscription: UUID) -> str:
    """The text to give to Microsoft with a subscription."""
    return _written(tenant.bytes + subscription.bytes + box.keyed_hash(_about(tenant, subscription)))


def read_client_state(box: SecretBox, text: object) -> tuple[TenantId, UUID] | None:
    """Whose it is; None for what we never said. Compares in constant time."""
    raw = _read(text)
    if raw is None:
        return None
    tenant, subscription, said = TenantId(UUID(bytes=raw[:16])), UUID(bytes=raw[16:32]), raw[32:]
    ours = [hmac.compare_digest(said, one) for one in box.keyed_hashes(_about(tenant, subscription))]
    return (tenant, subscription) if any(ours) else None


def _read(text: object) -> bytes | None:
    if not isinstance(text, str) or len(text) != _LENGTH or not text.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "==")
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _BYTES and _written(raw) == text else None


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _about(tenant: TenantId, subscription: UUID) -> str:
    return f"meeting-subscription|{tenant}|{subscription}"
