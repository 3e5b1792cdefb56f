"""Detached signatures over bytes (RFC 5652 5): read, matched with a signer that is known, and verified.

Two steps, so that who signed is known before the content is read:

    signature = read(der)
    signer = signature.signer(known)      # None: nobody we know
    verify(signature, content, signer)

A signature brings no judge of its own: certificates inside it are not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from asn1crypto.cms import ContentInfo, SignerInfo
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from vestibule.errors import BadInput
from vestibule.protocols.cms.signer import Signer

_PHASE: Final = "feed.signature"
_LARGEST: Final = 32_768  # a signature with a chain of certificates inside
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signer's signature.

    Attributes:
        digest: name of the content's hash.
        signed: the DER that was signed: the set of signed attributes.
        said: the content's hash as it stands in there.
        algorithm: as asn1crypto calls it.
        parameters: of the algorithm.
    """

    digest: str
    signed: bytes = field(repr=False)
    said: bytes = field(repr=False)
    algorithm: str
    parameters: Any = field(repr=False)
    value: bytes = field(repr=False)
    issuer: bytes = field(default=b"", repr=False)
    serial: int = 0
    key_id: bytes = b""

    def signer(self, known: Iterable[Signer]) -> Signer | None:
        """Which of them the signature calls its signer (5.3, SignerIdentifier)."""
        for one in known:
            if self.key_id and self.key_id == one.key_id:
                return one
            if self.issuer and (self.issuer, self.serial) == (one.issuer, one.serial):
                return one
        return None


def read(der: bytes) -> Signature:
    """Read a CMS SignedData without content, by one signer, with signed attributes.

    Signed attributes are asked for, because without them a signature over one thing can be shown as one over another (5.4).

    Raises:
        BadInput: `signature-unreadable`, `signature-algorithm` for hashes weaker than SHA-256 and ways to sign that are not known.
    """
    if len(der) > _LARGEST:
        _unreadable()
    try:
        content = ContentInfo.load(der, strict=True)
        if content["content_type"].native != "signed_data":
            _unreadable()
        data = content["content"]
        infos = list(data["signer_infos"])
        if len(infos) != 1 or data["encap_content_info"]["content"].native is not None:
            _unreadable()
        return _one(infos[0])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused("signature-unreadable", "The signature cannot be read.") from error


def _one(info: SignerInfo) -> Signature:
    attributes = info["signed_attrs"]
    values = {attribute["type"].native: list(attribute["values"]) for attribute in attributes}
    if len(values) != len(attributes) or [v.native for v in values.get("content_type", [])] != ["data"]:
        _unreadable()
    (said,) = [value.native for value in values["message_digest"]]
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in _HASHES:
        raise _refused("signature-algorithm", "The signature uses a hash weaker than SHA-256.")
    way = info["signature_algorithm"]
    sid = info["sid"]
    names: dict[str, Any] = (
        {"key_id": sid.chosen.native}
        if sid.name == "subject_key_identifier"
        else {"issuer": sid.chosen["issuer"].dump(), "serial": sid.chosen["serial_number"].native}
    )
    return Signature(
        digest, attributes.untag().dump(), said, way["algorithm"].native, way["parameters"].native, info["signature"].native, **names
    )


def verify(signature: Signature, content: bytes, signer: Signer) -> None:
    """Return when the signer signed exactly these bytes.

    Raises:
        BadInput: `signature-wrong`, `signature-algorithm`.
    """
    if not hmac.compare_digest(hashlib.new(signature.digest, content).digest(), signature.said):
        raise _refused("signature-wrong", "The signature is not over this message.")
    try:
        _verify_key(signature, signer.key)
    except InvalidSignature as error:
        raise _refused("signature-wrong", "The signature is not the sender's.") from error


def _verify_key(signature: Signature, key: object) -> None:
    way = signature.algorithm
    if isinstance(key, rsa.RSAPublicKey) and way == "rsassa_pss":
        fill, digest = _pss(signature.parameters or {})
        key.verify(signature.value, signature.signed, fill, digest)
    elif isinstance(key, rsa.RSAPublicKey) and way in {"rsassa_pkcs1v15", "sha256_rsa", "sha384_rsa", "sha512_rsa"}:
        key.verify(signature.value, signature.signed, padding.PKCS1v15(), _hash_of(signature))
    elif isinstance(key, ec.EllipticCurvePublicKey) and way in {"ecdsa", "sha256_ecdsa", "sha384_ecdsa", "sha512_ecdsa"}:
        key.verify(signature.value, signature.signed, ec.ECDSA(_hash_of(signature)))
    else:
        raise _refused("signature-algorithm", "The signature was made in a way that is not known, or not with the sender's kind of key.")


def _hash_of(signature: Signature) -> hashes.HashAlgorithm:
    """The hash that the algorithm's name holds, else the content's (RFC 8933: the two are to be one)."""
    named = signature.algorithm.partition("_")[0]
    return _HASHES[named if named in _HASHES else signature.digest]


def _pss(parameters: dict[str, Any]) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    """RFC 4055 3.1. What is absent there means SHA-1, which is not taken."""
    outer = (parameters.get("hash_algorithm") or {}).get("algorithm", "")
    inner = ((parameters.get("mask_gen_algorithm") or {}).get("parameters") or {}).get("algorithm", "")
    if outer not in _HASHES or inner not in _HASHES:
        raise _refused("signature-algorithm", "The signature uses a hash weaker than SHA-256.")
    return padding.PSS(padding.MGF1(_HASHES[inner]), int(parameters.get("salt_length") or 20)), _HASHES[outer]


def _unreadable() -> NoReturn:
    raise _refused("signature-unreadable", "The signature cannot be read.")


def _refused(code: str, sentence: str) -> BadInput:
    return BadInput(code, sentence, phase=_PHASE)
