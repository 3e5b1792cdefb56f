"""HL7 over HTTP: one POST for each message, the acknowledgement in the answer; proved by a TLS certificate or by a signature."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from http import HTTPStatus

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from joserfc import jws
from joserfc.jwk import RSAKey

from practice.interface.keys import Keys
from practice.interface.lines import Lost, tls
from practice.interface.model import Charset, Interface, Signature, Trick

_CONTENT_TYPE = "x-application/hl7-v2+er7"
_CHARSETS: dict[Charset, str] = {"utf-8": "utf-8", "latin-1": "iso-8859-1", "utf-16": "utf-16"}
_LARGEST_ACK = 64 * 1024


class Post:
    """A client of one address."""

    def __init__(self, interface: Interface, keys: Keys) -> None:
        self._to = interface
        self._keys = keys
        secure = interface.url.startswith("https:")
        timeout = aiohttp.ClientTimeout(total=interface.ack_seconds)
        connector = aiohttp.TCPConnector(ssl=tls(interface, keys)) if secure else aiohttp.TCPConnector()
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def say(self, body: bytes, trick: Trick) -> bytes:
        """One message.

        Raises:
            Lost: when no HL7 came back.
        """
        if trick == "half":
            raise Lost("not sent at all, on purpose")
        headers = {
            "Content-Type": f"{_CONTENT_TYPE}; charset={_CHARSETS[self._to.charset]}",
            "Date": formatdate(usegmt=True),
            **signature(body, self._to.signature, self._keys),
        }
        try:
            async with self._session.post(self._to.url, data=_drops(body) if trick == "bytes" else body, headers=headers) as answer:
                if trick == "hang-up":
                    answer.close()
                    raise Lost("hung up before the acknowledgement was read, on purpose")
                got = await answer.content.read(_LARGEST_ACK)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Lost(str(error)[:200] or "no acknowledgement in time") from error
        if not got.startswith(b"MSH") and answer.status != HTTPStatus.OK:
            raise Lost(f"HTTP {answer.status}: {got[:160].decode('utf-8', 'replace')}")
        return got

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()


async def _drops(body: bytes) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])


def signature(body: bytes, kind: Signature, keys: Keys) -> dict[str, str]:
    """The header that proves whose body it is: detached CMS (RFC 5652), or a JWS with its payload left out (RFC 7515 appendix F)."""
    if kind == "cms":
        signed = PKCS7SignatureBuilder().set_data(body).add_signer(keys.certificate, keys.key, hashes.SHA256())
        der = signed.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])
        return {"HL7-Signature": base64.b64encode(der).decode()}
    if kind == "jws":
        print_ = hashlib.sha256(keys.certificate.public_bytes(Encoding.DER)).digest()
        says = {"alg": "RS256", "x5t#S256": base64.urlsafe_b64encode(print_).rstrip(b"=").decode()}
        head, _, sign = jws.serialize_compact(says, body, RSAKey.import_key(keys.key), algorithms=["RS256"]).split(".")
        return {"X-JWS-Signature": f"{head}..{sign}"}
    return {}
