"""Every list page of the portal among ten thousand organisations: first page, a deep page, a search.

Ours is `vestibule serve` as it stands, on a PostgreSQL with fsync on, asked by one signed-in person who belongs to all organisations.
What is measured is the time from the request to the end of the page, over a connection that stays open, one request after the other.
Beside each, in the same run and in turn: the statement behind the list alone, through asyncpg; no page could be faster than that.
"""

from __future__ import annotations

import base64
import json
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp
import asyncpg
import uvloop

from bench._lists_world import ISSUER, ORGANISATIONS, SUBJECT, fill, organisation
from bench.launch import free_port, started
from bench.support import database, fact, pairs_wanted, postgres
from vestibule.identity.members import Members
from vestibule.identity.model import Person
from vestibule.identity.service import Identity
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database, migrate

GOAL = 150.0
KEY = b"b" * 32
DEEP = 4  # pages down: by its key, a page further down costs the same
_NEXT = re.compile(r'href="(\?[^"]*after=[^"]+)"')
_TENANT = "tenant_id = vestibule_tenant()"


@dataclass(frozen=True)
class List:
    """A list page: how it is searched, and the statement behind it."""

    path: str
    search: str
    sql: str


LISTS = (
    List(
        "organisations",
        "search=Clinic+0777",
        f"select * from organisations_of('{ISSUER}', '{SUBJECT}', '', '', '00000000-0000-0000-0000-000000000000', 51)",
    ),
    List(
        "connections",
        "search=Record+0077",
        f"select id, name, vendor, environment, newest_iss, newest_state, serving, changed_at from connections where {_TENANT} "
        "and removed_at is null order by lower(name), id limit 51",
    ),
    List(
        "departments",
        "search=Department+0077",
        f"select id, name, zone, external from departments where {_TENANT} and removed_at is null order by lower(name), id limit 51",
    ),
    List("people", "search=Person+0077", f"select * from members where {_TENANT} and state <> 'removed' order by listed, id limit 51"),
    List("programs", "search=Program+0007", f"select * from api_tokens where {_TENANT} order by lower(name), id limit 51"),
    List(
        "approvals",
        "search=Record",
        f"select * from connections where {_TENANT} and newest_state = 'awaiting' and removed_at is null order by lower(name), id limit 51",
    ),
    List("launches", "code=token-rejected", f"select * from launches where {_TENANT} order by started_at desc, id desc limit 51"),
    List("audit", "action=connection.saved", f"select * from audit_entries where {_TENANT} order by at desc, seq desc limit 51"),
)


def run() -> list[dict[str, Any]]:
    """All lists."""
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    async with postgres() as server:
        url = await database(server, "lists")
        await migrate(url)
        began = time.monotonic()
        await fill(url)
        print(f"  {ORGANISATIONS:,} organisations in {time.monotonic() - began:.0f} s", flush=True)
        async with signed_in(url) as person:
            sql = await asyncpg.connect(url, server_settings={"role": "vestibule_app"})
            rows = [await measured(person, one, sql) for one in LISTS]
            await sql.close()
            return rows


async def measured(person: Somebody, one: List, sql: asyncpg.Connection) -> dict[str, Any]:
    """One list: its slowest page's p99 against the goal."""
    pages = {"first": "", "deep": await person.down(one.path), "search": f"?{one.search}"}
    times: dict[str, list[float]] = {name: [] for name in (*pages, "sql")}
    for _ in range(pairs_wanted() * 12):
        for name, query in pages.items():
            times[name].append(await person.time(one.path + query))
        times["sql"].append(await alone(sql, one.sql))
    p99 = {name: statistics.quantiles(found, n=100)[98] for name, found in times.items()}
    p50 = {name: statistics.median(found) for name, found in times.items()}
    slowest = max(pages, key=lambda name: p99[name])
    print(f"  {one.path}: " + ", ".join(f"{name} p50 {p50[name]:.1f} p99 {p99[name]:.1f} ms" for name in times), flush=True)
    return fact(
        f"list of {one.path}, p99 of the slowest page ({slowest}); p50 {p50[slowest]:.1f} ms",
        round(p99[slowest], 1),
        unit="ms",
        goal=GOAL,
        better="lower",
        peer_name=f"the goal; the SQL alone takes {p50['sql']:.1f} ms",
        p50={name: round(value, 2) for name, value in p50.items()},
        p99={name: round(value, 2) for name, value in p99.items()},
    )


async def alone(sql: asyncpg.Connection, statement: str) -> float:
    """Milliseconds of the statement in a transaction of the large organisation."""
    began = time.perf_counter()
    async with sql.transaction():
        await sql.execute(f"select set_config('vestibule.tenant', '{organisation(1)}', true)")
        found = await sql.fetch(statement)
    assert found
    return (time.perf_counter() - began) * 1000


class Somebody:
    """A person in front of the portal."""

    def __init__(self, session: aiohttp.ClientSession, base: str, cookie: str) -> None:
        self._session, self._base, self._headers = session, base, {"Cookie": cookie, "Accept": "text/html"}

    async def open(self, path: str) -> str:
        """A page's text."""
        async with self._session.get(self._base + path, headers=self._headers) as answer:
            text = await answer.text()
            assert answer.status == 200, (path, answer.status, text[:500])
            return text

    async def time(self, path: str) -> float:
        """Milliseconds until the whole page is here."""
        began = time.perf_counter()
        await self.open(path)
        return (time.perf_counter() - began) * 1000

    async def down(self, path: str) -> str:
        """The query of a page far down; the first page's where there is no further one."""
        query = ""
        for _ in range(DEEP):
            found = _NEXT.search(await self.open(path + query))
            if found is None:
                break
            query = unescape(found[1])
        return query


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[Somebody]:
    """`vestibule serve` on the database, and the person who belongs everywhere, in the large organisation."""
    port, clock = free_port(), SystemClock()
    own = f"http://127.0.0.1:{port}"
    db = await Database.open(url)
    members = Members(clock=clock, identity=Identity(clock), audit=Audit(clock))
    async with db.tenant(TenantId(organisation(1))) as tx:
        member = await members.signed_in(tx, Person("oidc", ISSUER, SUBJECT, "Ana Everywhere", "ana@example.org"))
        assert member
        opened = await members.open_session(tx, member)
    await db.close()
    with tempfile.TemporaryDirectory() as data:
        env = {
            "DATABASE_URL": url,
            "VESTIBULE_DATA": data,
            "VESTIBULE_PORT": str(port),
            "VESTIBULE_KEYS": f"k1:{base64.b64encode(KEY).decode()}",
            "VESTIBULE_RATE_LIMITS": "false",
            "VESTIBULE_LOG_LEVEL": "info",
        }
        async with (
            started(own, "", "-m", "vestibule", "serve", **env),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            cookie = f"{opened.cookie.name}={opened.cookie.value}"
            yield Somebody(session, f"{own}/s/{opened.principal.session}/", cookie)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
