"""An organisation with its API on a socket, and programs that call it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from support.ports import free_port
from support.serving import serving
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.settings import load
from vestibule.wiring import Parts, live, open_parts

EVERY_ROLE = frozenset(StaffRole)


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def tag(self) -> str:
        return str(self.headers["ETag"])


@dataclass
class Program:
    """Something with a token."""

    session: aiohttp.ClientSession
    origin: str
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Said:
        sent = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = path if path.startswith("http") else self.origin + (path if path.startswith("/api/") else f"/api/v1/{path}")
        more = {} if body is None else {"data": body} if isinstance(body, bytes | str) else {"json": body}
        if isinstance(body, bytes | str):
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, url, headers=sent, allow_redirects=False, **more) as answer:
            return Said(answer.status, answer.headers, await answer.text())


@dataclass
class House:
    """Vestibule, served."""

    origin: str
    parts: Parts
    session: aiohttp.ClientSession

    async def organisation(self, name: str, **settings: Any) -> TenantId:
        tenant = await self.parts.organisations.create(self.parts.db, name=name, by=SYSTEM)
        async with self.parts.db.tenant(tenant) as tx:
            await self.parts.organisations.change(tx, settings, by=SYSTEM)
        return tenant

    async def program(self, tenant: TenantId, *roles: StaffRole) -> Program:
        """A program with a token of these roles, or of all."""
        async with self.parts.db.tenant(tenant) as tx:
            made = await self.parts.tokens.make(tx, name="A program", roles=roles or EVERY_ROLE, days=1, by=SYSTEM)
        return Program(self.session, self.origin, made.secret)

    async def approver(self, tenant: TenantId, email: str = "ana@alder.example") -> str:
        """Somebody who may approve: their id. They have joined, as the sign-in would make it."""
        async with self.parts.db.tenant(tenant) as tx:
            invited = await self.parts.members.invite(tx, email=email, name="Ana", roles={StaffRole.APPROVER}, by=SYSTEM)
            await tx.execute(
                "update members set state = 'active', issuer = 'https://i.example', subject = $1 where id = $2", email, invited.member
            )
        return str(invited.member)


@asynccontextmanager
async def house(url: str, data: Path, **environ: str) -> AsyncIterator[House]:
    """The whole web application on a socket."""
    port = free_port()
    settings = load(
        {
            "DATABASE_URL": url,
            "VESTIBULE_DATA": str(data),
            "VESTIBULE_PORT": str(port),
            "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes",
            "VESTIBULE_RATE_LIMITS": "no",
            "VESTIBULE_POOL_SIZE": "6",
            **environ,
        }
    )
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, url))
        feed = await stack.enter_async_context(live(parts))
        await stack.enter_async_context(serving(parts, feed, port=port))
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield House(settings.origin, parts, session)
