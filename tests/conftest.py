"""What every test may ask for: a PostgreSQL of its own making, a migrated database fresh for the test, a tenant.

VESTIBULE_TEST_PG=15 runs on Debian's PostgreSQL 15 instead of the bundled 18.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import asyncpg
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck
from hypothesis import settings as chances
from joserfc.jwk import RSAKey

from support.folders import quick_folder
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.db import Database, EmbeddedPostgres, migrate
from vestibule.protocols.jose import SigningKey

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
_TEMPLATE = "vestibule_template"
T = TypeVar("T")
# A slow machine makes no example wrong, and the same tree is tried with the same examples: a run fails for what changed.
# VESTIBULE_TEST_CHANCE=1 tries others each time.
_BY_CHANCE = os.environ.get("VESTIBULE_TEST_CHANCE") == "1"
chances.register_profile("steady", deadline=None, database=None, derandomize=not _BY_CHANCE, suppress_health_check=[HealthCheck.too_slow])
chances.load_profile("steady")
_numbers = itertools.count(1)
_RSA_KEYS = 6
# Data that a power cut may take is fine here; a test lives for milliseconds.
_CHEAP = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "autovacuum": "off",
    "max_wal_size": "128MB",
}


class ServerThread:
    """An embedded server kept by an event loop of its own, because a test's loop ends with the test.

    The next test's database is made, and the last one's dropped, while a test runs: no test waits for either.
    """

    def __init__(self, home: Path, binaries: Path | None) -> None:
        self.server = EmbeddedPostgres(home, binaries=binaries, settings=_CHEAP)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-postgres", daemon=True)
        self._spare: asyncio.Task[str] | None = None
        self._drops: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def start(self) -> None:
        self._thread.start()
        self.run(self.server.start())
        self.run(self._make_template())

    def stop(self) -> None:
        self.run(self._finish())
        self.run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def fresh(self, *, template: str = _TEMPLATE) -> str:
        """A new database's address."""
        return await self._over_there(self._take(template))

    async def drop(self, url: str) -> None:
        """Its sessions, if a test left any, end with it."""
        await self._over_there(self._let_go(url))

    async def _over_there(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _make_template(self) -> None:
        self._admin = await asyncpg.connect(self.server.url("postgres", superuser=True))
        self._one_at_a_time = asyncio.Lock()
        await self._as_superuser(f"create database {_TEMPLATE} owner vestibule")
        await migrate(self.server.url(_TEMPLATE))
        self._spare = asyncio.create_task(self._made(_TEMPLATE))

    async def _finish(self) -> None:
        """What is under way ends, and what of it failed is said."""
        await asyncio.gather(*self._drops, *([self._spare] if self._spare else []))
        await self._admin.close()

    async def _as_superuser(self, sql: str) -> None:
        async with self._one_at_a_time:
            await self._admin.execute(sql)

    async def _made(self, template: str) -> str:
        name = f"t{next(_numbers)}"
        await self._as_superuser(f"create database {name} template {template} strategy file_copy owner vestibule")
        return self.server.url(name)

    async def _take(self, template: str) -> str:
        if template != _TEMPLATE:
            return await self._made(template)
        ready, self._spare = self._spare, None
        url = await (ready or self._made(template))
        self._spare = self._spare or asyncio.create_task(self._made(template))
        return url

    async def _let_go(self, url: str) -> None:
        name = url.split("@/")[1].split("?", maxsplit=1)[0]
        self._drops.append(asyncio.create_task(self._as_superuser(f"drop database if exists {name} with (force)")))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which process runs what, for `--dist loadfile`; any other way of spreading is xdist's own."""
    if config.getoption("dist") != "loadfile":
        return None
    from support.spreading import Spreading  # noqa: PLC0415 - xdist is only there where files are spread

    return Spreading(config, log)


def chosen_binaries() -> Path | None:
    """The folder of the PostgreSQL programs to test on; None for the bundled ones."""
    return DEBIAN_15 if os.environ.get("VESTIBULE_TEST_PG") == "15" else None


@pytest.fixture(autouse=True, scope="module")
def _everything_is_logged_again() -> Iterator[None]:
    """A program that runs in this process sets how much it logs; the next file's tests hear everything, in whatever order files run."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[ServerThread]:
    """A running server, one per test process."""
    with quick_folder() as folder:
        keeper = ServerThread(folder / "pg", chosen_binaries())
        try:
            keeper.start()
            yield keeper
        finally:
            keeper.stop()


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """What tmp_path is, in memory where there is room: for whole database clusters."""
    with quick_folder() as folder:
        yield folder


@pytest.fixture
async def db_url(postgres: ServerThread) -> AsyncIterator[str]:
    """The address, as the owner of the schema, of a migrated database fresh for this test."""
    url = await postgres.fresh()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def empty_url(postgres: ServerThread) -> AsyncIterator[str]:
    """The address of a database without any schema."""
    url = await postgres.fresh(template="template1")
    yield url
    await postgres.drop(url)


@pytest.fixture
async def db(db_url: str) -> AsyncIterator[Database]:
    """A pool on a migrated database fresh for this test."""
    database = await Database.open(db_url, min_size=1, max_size=10)
    yield database
    await database.close()


@pytest.fixture
async def owner(db_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the schema's owner, whom row-level security does not bind: the test's own eye."""
    conn = await asyncpg.connect(db_url)
    yield conn
    await conn.close()


@pytest.fixture
async def tenant(owner: asyncpg.Connection) -> TenantId:
    """An organisation."""
    return await add_tenant(owner, "Northfield Clinic")


@pytest.fixture
async def other_tenant(owner: asyncpg.Connection) -> TenantId:
    """Another organisation, which must never be seen from the first."""
    return await add_tenant(owner, "Southfield Clinic")


def handful(make: Callable[[], T]) -> Callable[[], T]:
    """Gives the same few things over and over, one after the other, each made when it is first asked for."""
    made: list[T] = []
    turn = itertools.count()
    one_at_a_time = threading.Lock()  # some keys are made in threads

    def one() -> T:
        with one_at_a_time:
            at = next(turn) % _RSA_KEYS
            if at == len(made):
                made.append(make())
            return made[at]

    return one


@pytest.fixture(autouse=True, scope="session")
def few_rsa_keys() -> Iterator[None]:
    """Connections and practice hospitals of tests share a handful of RSA keys: making one takes longer than most tests, and is tested where
    keys are tested.
    """
    ours = handful(lambda: SigningKey.generate("RS384"))
    theirs = handful(lambda: RSAKey.generate_key(2048, auto_kid=True))
    microsofts = handful(lambda: rsa.generate_private_key(65537, 2048))

    class Shared(SigningKey):
        @classmethod
        def generate(cls, alg: str) -> SigningKey:
            return ours() if alg == "RS384" else SigningKey.generate(alg)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vestibule.tenancy.service.SigningKey", Shared)
        patch.setattr("vestibule.meetings.keys.SigningKey", Shared)
        patch.setattr("practice.oauth.keys.RSAKey", SimpleNamespace(generate_key=lambda *_, **__: theirs()))
        patch.setattr("practice.microsoft.keys.rsa", SimpleNamespace(generate_private_key=lambda **_: microsofts()))
        yield


async def add_tenant(owner: asyncpg.Connection, name: str) -> TenantId:
    """Insert a tenant's row, where the schema has tenants already."""
    tenant = TenantId(new_id())
    if await owner.fetchval("select to_regclass('tenants')") is not None:
        await owner.execute("insert into tenants (id, name) values ($1, $2)", tenant, name)
    return tenant
