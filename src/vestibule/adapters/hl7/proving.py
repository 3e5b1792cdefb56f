"""Who signed a body that comes over HTTPS without a client's certificate: a detached CMS signature, or a detached JWS, in a header.

`HL7-Signature` is where HAPI's HL7-over-HTTP library puts its CMS signature, in Base64. `X-JWS-Signature` is what open-banking interfaces
call a detached JWS. Who signed is read from the header before the body is; whether they did, after it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.errors import BadInput
from vestibule.protocols import cms
from vestibule.protocols.jose import detached

CMS_HEADER: Final = "HL7-Signature"
JWS_HEADER: Final = "X-JWS-Signature"


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature whose signer we know, over a body that is still to come."""

    signer: cms.Signer
    signature: cms.Signature | detached.DetachedJws

    def prove(self, body: bytes) -> None:
        """Return when the signer signed exactly this.

        Raises:
            BadInput: `signature-wrong`, `signature-algorithm`.
        """
        if isinstance(self.signature, cms.Signature):
            cms.verify(self.signature, body, self.signer)
        else:
            detached.verify(self.signature, body, self.signer.key)


class Signers:
    """Those who may sign, found by the names that signatures have for them."""

    def __init__(self, certificates: Iterable[bytes]) -> None:
        """Read their certificates (DER)."""
        self._all = cms.signers(certificates)
        self._by_thumbprint = {one.thumbprint: one for one in self._all}
        self._by_key = {one.key_hash.hex(): one for one in self._all}
        self._by_issuer = {(one.issuer, one.serial): one for one in self._all}
        self._by_key_id = {one.key_id: one for one in self._all if one.key_id}

    def claim(self, headers: Mapping[str, str]) -> Claim | None:
        """What the headers claim; None when they claim nothing, or name nobody we know.

        Raises:
            BadInput: `signature-unreadable`, `signature-algorithm`.
        """
        if CMS_HEADER in headers:
            return self._by_cms("".join(headers[CMS_HEADER].split()))
        return self._by_jws(headers[JWS_HEADER].strip()) if JWS_HEADER in headers else None

    def _by_cms(self, text: str) -> Claim | None:
        try:
            der = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise BadInput("signature-unreadable", "The signature cannot be read.", phase="feed.signature") from error
        signature = cms.read(der)
        signer = self._by_key_id.get(signature.key_id) or self._by_issuer.get((signature.issuer, signature.serial))
        return Claim(signer, signature) if signer else None

    def _by_jws(self, text: str) -> Claim | None:
        seal = detached.read(text)
        signer = self._by_thumbprint.get(seal.thumbprint) or self._by_key.get(seal.kid.lower())
        return Claim(signer, seal) if signer else None
