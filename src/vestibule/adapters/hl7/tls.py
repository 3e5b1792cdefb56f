"""TLS as the feed's ports speak it: our certificate, and of the other side one that was uploaded."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from vestibule.errors import BadInput
from vestibule.platform.telemetry.logs import log
from vestibule.protocols.cms import key_hash

# For TLS 1.2; those of 1.3 are all good. Forward secrecy and authenticated encryption, nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"


def server_context(certificate: Path, key: Path, anchors: Iterable[bytes], *, demand: bool) -> ssl.SSLContext:
    """A context that lets in who shows one of the anchors, or a certificate that one of them issued; whose key it is, is asked afterwards.

    Args:
        certificate: file with our certificate and those between it and a known authority, PEM.
        key: file with its private key, PEM.
        anchors: certificates (DER) that may be shown. Each is trusted for itself, whoever issued it.
        demand: refuse who shows none; otherwise only who shows a wrong one.

    Raises:
        BadInput: `tls-certificate-unusable`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0  # a resumed session would not be asked for its certificate again
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        sentence = "The certificate in VESTIBULE_TLS_CERTIFICATE, or its key in VESTIBULE_TLS_KEY, cannot be used."
        raise BadInput("tls-certificate-unusable", sentence, phase="feed.listen") from error
    context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for anchor in anchors:
        try:
            context.load_verify_locations(cadata=anchor)
        except ssl.SSLError:
            log.warning("feed-certificate-unusable", size=len(anchor))
    return context


def shown_key(tls: ssl.SSLObject | None) -> bytes:
    """SHA-256 of the key that the other side proved to hold; empty when it showed no certificate, or it is no TLS."""
    shown = tls.getpeercert(binary_form=True) if tls else None
    return key_hash(shown) if shown else b""
