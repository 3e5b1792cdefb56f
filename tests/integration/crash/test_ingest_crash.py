"""kill -9 while messages come: of the listener, of PostgreSQL. The judge is what the senders themselves wrote down.

A sender sends the next message when the last is acknowledged. When its connection breaks it connects again, to whoever listens now, and
sends the same bytes again, as interface engines do. What it was told AA for must be there, once; nothing else may be there but what was
on its way.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from conftest import ServerThread, add_tenant
from support.crash import Program, code, many_seeds, running
from support.feeding import Key, add_certificate, add_connection, make_key, message
from support.folders import quick_folder
from support.lines import KEYS, Sender, server_files
from support.waiting import until
from vestibule.platform.db import EmbeddedPostgres, migrate
from vestibule.settings import load
from vestibule.wiring.listening import listening

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

_LINES = 6
Connect = Callable[[], Awaitable[Sender]]


class Ledger:
    """What the senders of one run sent and were told, by their own account."""

    def __init__(self, seed: int, connect: Connect) -> None:
        self.sent: set[str] = set()
        self.acknowledged: list[str] = []
        self.stop = asyncio.Event()
        self._seed = seed
        self._connect = connect
        self._numbers = count()

    async def line(self, dice: random.Random) -> None:
        """One connection: two messages on their way at most times, one at others."""
        sender: Sender | None = None
        owed: list[str] = []
        while owed or not self.stop.is_set():
            try:
                sender = sender or await self._connected(owed)
                while len(owed) < dice.choice((1, 1, 2)) and not self.stop.is_set():
                    name = f"s{self._seed}-{next(self._numbers)}"
                    self.sent.add(name)
                    owed.append(name)
                    sender.write(message(name))
                if owed:
                    code, name = await sender.said(seconds=20)
                    assert (code, name) == ("AA", owed[0]), (code, name, owed)
                    self.acknowledged.append(owed.pop(0))
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
                if sender:
                    await sender.close()
                sender = None
                await asyncio.sleep(0.01)
        if sender:
            await sender.close()

    async def _connected(self, owed: list[str]) -> Sender:
        sender = await self._connect()
        sender.write(*map(message, owed))
        return sender

    async def judge(self, owner: asyncpg.Connection) -> None:
        rows = await owner.fetch("select control_id, twin from feed_inbox where starts_with(control_id, $1)", f"s{self._seed}-")
        there = [row["control_id"] for row in rows]
        assert len(there) == len(set(there)), "a message is there twice"
        assert not any(row["twin"] for row in rows), "a message was taken for another"
        assert set(self.acknowledged) <= set(there), "an acknowledged message is missing"
        assert set(there) <= self.sent
        assert len(self.acknowledged) == len(set(self.acknowledged)) == len(self.sent)


async def load_while(ledger: Ledger, dice: random.Random, blow: Callable[[], Awaitable[None]]) -> None:
    """Messages come before the blow, during it, and after it for a while."""
    async with asyncio.TaskGroup() as group:
        for _ in range(_LINES):
            group.create_task(ledger.line(random.Random(dice.random())))
        await until(lambda: len(ledger.acknowledged) > _LINES, seconds=60, what="messages are taken before the blow")
        await blow()
        after = len(ledger.acknowledged) + 20
        await until(lambda: len(ledger.acknowledged) > after, seconds=60, what="messages are taken after the blow")
        ledger.stop.set()


# Loads everything once, and is one listener more each time it is told to, by a fork: a process of its own within a moment.
LISTENERS = """
import asyncio, ctypes, os, signal, uvloop
from vestibule.settings import load
from vestibule.wiring.listening import listening

async def listen(number):
    settings = load()
    async with listening(settings, settings.database_url) as it:
        print("ready", number, os.getpid(), it.addresses["mllps"], flush=True)
        await asyncio.Event().wait()

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("loaded", flush=True)
number = 0
while signal.sigwait([signal.SIGUSR1]):
    number += 1
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        uvloop.run(listen(number))
"""


class Listeners:
    """Listeners in processes of their own: one that takes messages, and the next, which is ready when the first is killed."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._numbers = count(1)
        self._next: asyncio.Task[tuple[int, int]] | None = None
        self.port = self._pid = 0

    async def start(self) -> None:
        await self._program.said("^loaded")
        self._pid, self.port = await self._one_more()
        self._next = asyncio.create_task(self._one_more())

    async def _one_more(self) -> tuple[int, int]:
        number = next(self._numbers)
        os.kill(self._program.pid, signal.SIGUSR1)
        ready = await self._program.said(rf"^ready {number} (\d+) (\d+)")
        return int(ready[1]), int(ready[2])

    async def blow(self, dice: random.Random) -> None:
        """kill -9; the next one takes over."""
        assert self._next
        pid, port = await self._next
        await asyncio.sleep(dice.uniform(0, 0.15))
        os.kill(self._pid, signal.SIGKILL)
        self._pid, self.port = pid, port
        self._next = asyncio.create_task(self._one_more())

    async def stop(self) -> None:
        if self._next:
            await self._next


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


@pytest.fixture(scope="module")
def client(folder: Path, key: Key) -> ssl.SSLContext:
    server_files(folder)
    context = ssl.create_default_context(cafile=str(folder / "server.crt"))
    context.load_cert_chain(key.pem(folder / "client.pem"))
    return context


async def fed(url: str, key: Key) -> asyncpg.Connection:
    """The schema's owner, on a database with a connection whose feed is on."""
    owner = await asyncpg.connect(url)
    tenant = await add_tenant(owner, "Northfield Clinic")
    await add_certificate(owner, tenant, await add_connection(owner, tenant), key)
    return owner


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listeners(
    postgres: ServerThread, folder: Path, client: ssl.SSLContext, key: Key
) -> AsyncIterator[tuple[Listeners, asyncpg.Connection]]:
    url = await postgres.fresh()
    owner = await fed(url, key)
    ports = {"VESTIBULE_MLLP_PORT": "0", "VESTIBULE_HL7_HTTPS_PORT": "0"}
    env = {"DATABASE_URL": url, "VESTIBULE_KEYS": KEYS, "VESTIBULE_TLS_CERTIFICATE": str(folder / "server.pem"), **ports}
    async with running(code(LISTENERS), env=env) as program:
        them = Listeners(program)
        await them.start()
        yield them, owner
        await them.stop()
    await owner.close()
    await postgres.drop(url)


@pytest.mark.parametrize("seed", many_seeds())
async def test_a_killed_listener_loses_and_doubles_nothing_that_it_acknowledged(
    seed: int, listeners: tuple[Listeners, asyncpg.Connection], client: ssl.SSLContext
) -> None:
    them, owner = listeners
    dice = random.Random(seed)

    ledger = Ledger(seed, lambda: Sender.open(them.port, client))
    await load_while(ledger, dice, lambda: them.blow(dice))
    await ledger.judge(owner)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def durable(folder: Path, client: ssl.SSLContext, key: Key) -> AsyncIterator[tuple[EmbeddedPostgres, int]]:
    """A PostgreSQL with all its safety on, and a listener before it."""
    server = EmbeddedPostgres(folder / "pg")
    url = await server.start()
    await migrate(url)
    await (await fed(url, key)).close()
    ports = {"VESTIBULE_MLLP_PORT": "0", "VESTIBULE_HL7_HTTPS_PORT": "0"}
    settings = load({"VESTIBULE_KEYS": KEYS, "VESTIBULE_TLS_CERTIFICATE": str(folder / "server.pem"), **ports})
    async with listening(settings, url) as listener:
        yield server, listener.addresses["mllps"]
    await server.stop()


@pytest.mark.parametrize("seed", many_seeds())
async def test_a_killed_postgresql_loses_and_doubles_nothing_that_was_acknowledged(
    seed: int, durable: tuple[EmbeddedPostgres, int], client: ssl.SSLContext
) -> None:
    """The listener holds what came, and no sender is told anything until it is stored."""
    server, port = durable
    dice = random.Random(1_000 + seed)
    ledger = Ledger(seed, lambda: Sender.open(port, client))

    async def blow() -> None:
        await asyncio.sleep(dice.uniform(0, 0.15))
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await until(lambda: server.pid != killed and server.ready, what="a new postmaster")

    await load_while(ledger, dice, blow)
    owner = await asyncpg.connect(server.url())
    await ledger.judge(owner)
    await owner.close()


async def test_the_judge_can_find_a_lost_message() -> None:
    """A ledger that says more than the table has."""

    class Table:
        async def fetch(self, *_: object) -> list[dict[str, object]]:
            return [{"control_id": "s0-1", "twin": False}]

    ledger = Ledger(0, None)  # type: ignore[arg-type]
    ledger.sent, ledger.acknowledged = {"s0-1", "s0-2"}, ["s0-1", "s0-2"]
    with pytest.raises(AssertionError, match="missing"):
        await ledger.judge(Table())  # type: ignore[arg-type]
