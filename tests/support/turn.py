"""A small TURN client (RFC 8656 over TCP), and a coturn started with the documented configuration."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import os
import re
import shutil
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.ports import free_port
from support.waiting import until

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "run-a-relay.md"
SECRET = "relay-test-secret"
COOKIE = 0x2112A442
ALLOCATE, CREATE_PERMISSION = 0x0003, 0x0008
USERNAME, INTEGRITY, ERROR, PEER, REALM, NONCE, FAMILY, TRANSPORT = 0x0006, 0x0008, 0x0009, 0x0012, 0x0014, 0x0015, 0x0017, 0x0019


def documented(folder: Path, port: int, tls_port: int, relay: str) -> str:
    """The configuration of the guide, with this test's addresses in it."""
    found = re.search(r"```ini\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "the guide has lost its configuration"
    text = found[1].replace("RELAY_ADDRESS", relay).replace("RELAY_SECRET", SECRET).replace("/etc/turnserver/", f"{folder}/")
    text = re.sub(r"(?m)^listening-port=.*", f"listening-port={port}", text)
    return re.sub(r"(?m)^tls-listening-port=.*", f"tls-listening-port={tls_port}", text)


@asynccontextmanager
async def coturn(folder: Path, *, relay: str = "127.0.0.1", extra: str = "", drop: str = "") -> AsyncIterator[int]:
    """coturn on a free port with the documented configuration, `extra` lines added and lines matching `drop` left out."""
    program = shutil.which("turnserver")
    assert program, "coturn is not installed (bin/system-packages)"
    certificate(folder)
    port = free_port()
    lines = documented(folder, port, free_port(), relay).splitlines()
    kept = [line for line in lines if not (drop and re.match(drop, line))]
    places = [f"userdb={folder}/turndb", f"pidfile={folder}/pid", f"log-file={folder}/log", "simple-log"]
    (folder / "turnserver.conf").write_text("\n".join([*kept, *places, extra, ""]), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "turnserver.conf"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: _listens(relay, port), what="coturn listens")
        yield port
    finally:
        process.terminate()
        await process.wait()


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def certificate(folder: Path) -> None:
    """A self-signed one, for the relay to start with."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)


class Turn:
    """One client with one allocation."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self._address = (host, port)
        self._user, self._password = user, password
        self._realm = self._nonce = b""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def allocate(self) -> int:
        """0 when it was granted, else the error code."""
        six = ":" in self._address[0]
        wish = [(TRANSPORT, struct.pack("!I", 17 << 24)), *([(FAMILY, struct.pack("!I", 2 << 24))] if six else [])]
        await self._ask(ALLOCATE, wish)
        return await self._ask(ALLOCATE, wish)

    async def permit(self, peer: str) -> int:
        """Ask to reach a peer: 0 when it was granted, else the error code."""
        return await self._ask(CREATE_PERMISSION, [(PEER, None)], peer)

    async def _ask(self, kind: int, attributes: list[tuple[int, bytes | None]], peer: str = "") -> int:
        transaction = os.urandom(12)
        body = b"".join(_attribute(name, _xored(peer, transaction) if value is None else value) for name, value in attributes)
        if self._nonce:
            body += _attribute(USERNAME, self._user.encode()) + _attribute(REALM, self._realm) + _attribute(NONCE, self._nonce)
            key = hashlib.md5(b":".join([self._user.encode(), self._realm, self._password.encode()])).digest()
            head = struct.pack("!HHI", kind, len(body) + 24, COOKIE) + transaction
            body += _attribute(INTEGRITY, hmac.digest(key, head + body, "sha1"))
        self._writer.write(struct.pack("!HHI", kind, len(body), COOKIE) + transaction + body)
        return await asyncio.wait_for(self._answer(), 20)

    async def _answer(self) -> int:
        kind, length = struct.unpack("!HH16x", await self._reader.readexactly(20))
        body = await self._reader.readexactly(length)
        found: dict[int, bytes] = {}
        while body:
            name, size = struct.unpack("!HH", body[:4])
            found[name] = body[4 : 4 + size]
            body = body[4 + size + (-size % 4) :]
        self._realm = found.get(REALM, self._realm)
        self._nonce = found.get(NONCE, self._nonce)
        if kind & 0x0110 == 0x0110:
            return found[ERROR][2] * 100 + found[ERROR][3]
        return 0


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + b"\0" * (-len(value) % 4)


def _xored(peer: str, transaction: bytes) -> bytes:
    """XOR-PEER-ADDRESS (RFC 8489 14.2), port 53."""
    address = ipaddress.ip_address(peer).packed
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(address, mask, strict=False))
    return struct.pack("!xBH", 1 if len(address) == 4 else 2, 53 ^ (COOKIE >> 16)) + hidden


def credentials(secret: str = SECRET, *, seconds: int = 600, whom: str = "amy") -> tuple[str, str]:
    """User name and password by the TURN REST convention, made here and not by the product."""
    user = f"{int(datetime.now(UTC).timestamp()) + seconds}:{whom}"
    return user, base64.b64encode(hmac.digest(secret.encode(), user.encode(), "sha1")).decode()
