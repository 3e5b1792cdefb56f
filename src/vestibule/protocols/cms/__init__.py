"""CMS, the Cryptographic Message Syntax (RFC 5652): verifying detached signatures. Sans-I/O."""

from vestibule.protocols.cms.detached import Signature, read, verify
from vestibule.protocols.cms.signer import Signer, key_hash, signers

__all__ = ["Signature", "Signer", "key_hash", "read", "signers", "verify"]
