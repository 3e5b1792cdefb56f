"""A burst of reminders: 20,000 due in one minute among a million pending, and a carrier that takes 1,000 a second and answers 429 above.

1. The rate at which the carrier took them, of its limit, from the first to the last (goal >= 0.98).
2. The most it was given in any window of a second, of its limit (goal <= 1), and how often it had to say 429.
3. Each once: how many came twice or never.
4. How long one appointment's planning takes, in the transaction of its event.

The peer is the fluid limit, an ideal token bucket. VESTIBULE_BENCH_REMINDERS and VESTIBULE_BENCH_PENDING make a quick look smaller.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import struct
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import uvloop

from bench.support import database, fact, postgres
from vestibule.errors import TooMany, Unavailable
from vestibule.kit.ids import ConnectionId, DepartmentId, TenantId, new_id
from vestibule.messages.carrying import AccountWish, Carrying
from vestibule.messages.model import KIND, Accepted, Account, CarrierKind, Channel, Outgoing, Refused, Sender
from vestibule.messages.policies import Policies
from vestibule.messages.ports import HookAnswer
from vestibule.messages.setting import MessageSettings
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import migrate
from vestibule.platform.heap import calm_the_collector
from vestibule.settings import load
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.visits.model import Identifier
from vestibule.visits.service import Appointment, Contact
from vestibule.wiring.messaging import message_worker
from vestibule.wiring.parts import Parts, open_parts

DUE = int(os.environ.get("VESTIBULE_BENCH_REMINDERS", "20000"))
PENDING = int(os.environ.get("VESTIBULE_BENCH_PENDING", "1000000"))
LIMIT = 1_000
PLANNED = 200
TENANT = TenantId(new_id())
# The rest of the million are of later days.
_LATER = (
    (
        "insert into effects (tenant_id, id, kind, destination, promise, key, payload, due_at, run_at)"
        " select $1, gen_random_uuid(), 'message.send', 'messages:later', 'text', 'later:' || n, '{}', now() + interval '1 day',"
        " now() + interval '1 day' + n * interval '1 second' from generate_series(1, $2) n"
    ),
    (
        "insert into messages (tenant_id, id, visit_id, participant_id, purpose, channel, key, due_at, planned_at, state)"
        " select $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'reminder', 'sms', 'later:' || n,"
        " now() + interval '1 day' + n * interval '1 second', now(), 'withdrawn' from generate_series(1, $2) n"
    ),
)


class Wire:
    """A carrier's adapter as thin as it can be: the benchmark is of what is before it."""

    answers_keywords = True

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def send(self, _: Account, message: Outgoing) -> Accepted | Refused:
        """One request."""
        try:
            async with self._session.post(f"{self._url}/{message.id}") as answer:
                if answer.status == 429:
                    raise TooMany("carrier-busy", "slower", phase="bench", retry_after=1)
        except aiohttp.ClientConnectorError as error:
            raise Unavailable("outside-unreachable", "no", phase="bench") from error
        return Accepted(f"c-{message.id}")

    def read_hook(self, *_: Any) -> HookAnswer:
        """None come."""
        return HookAnswer()

    async def check(self, account: Account) -> None:
        """It works."""


@dataclass(frozen=True)
class Taken:
    """What the carrier's book says."""

    rate: float
    most: int
    refused: int
    wrong: int


def run() -> list[dict[str, Any]]:
    """All of it."""
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    async with postgres() as server:
        url = await database(server, "reminders")
        await migrate(url)
        with tempfile.TemporaryDirectory() as folder:
            own = {"VESTIBULE_DATA": folder, "VESTIBULE_WORKER_CONCURRENCY": "100", "VESTIBULE_ALLOW_LOOPBACK_HTTP": "true"}
            async with open_parts(load(own), url) as parts:
                clinic = await _clinic(parts)
                planning = await _fill(clinic, url)
                taken = await _send(parts, Path(folder) / "book")
    rate, most = round(taken.rate / LIMIT, 4), round(taken.most / LIMIT, 4)
    return [
        fact("reminders, sent rate", rate, unit="of the limit", goal=0.98, better="higher", due=DUE, pending=PENDING),
        fact("reminders, most in a second", most, unit="of the limit", goal=1.0, better="lower", refused=taken.refused),
        fact("reminders, twice or never", float(taken.wrong), unit="messages", goal=0.0, better="lower", of=DUE),
        fact("reminders, planning (p50)", round(planning, 2), unit="ms", goal=50.0, better="lower", of=PLANNED),
    ]


@dataclass(frozen=True)
class Clinic:
    """An organisation that texts."""

    parts: Parts
    connection: ConnectionId
    department: DepartmentId


async def _clinic(parts: Parts) -> Clinic:
    connection = Connection(ConnectionId(new_id()), TENANT, "Practice", Vendor.GENERIC, Environment.TEST, "https://ehr.alder.example/r4")
    settings = MessageSettings(parts.box)
    common: dict[str, Any] = {"clock": parts.clock, "box": parts.box, "audit": parts.audit, "tenancy": parts.tenancy, "settings": settings}
    carrying, policies = Carrying(**common, replan=parts.messages.replan), Policies(**common, replan=parts.messages.replan)
    nobody = Account(UUID(int=0), TENANT, CarrierKind.CONSOLE, "")
    async with parts.db.tenant(TENANT) as tx:
        await parts.tenancy.add_tenant(tx, name="Alder Clinic")
        await parts.tenancy.add_connection(tx, connection)
        department = await parts.tenancy.add_department(tx, name="Cardiology", zone="America/Chicago")
        wish = AccountWish(CarrierKind.TWILIO, "Carrier", user="AC" + "0" * 32, secret="bench")
        account = await carrying.add_account(tx, wish, by=SYSTEM)
        wanted = Sender(UUID(int=0), nobody, Channel.SMS, "+18335550100", per_minute=LIMIT * 60)
        sender = await carrying.add_sender(tx, account.id, wanted, by=SYSTEM)
        await carrying.link(tx, sender.id, [connection.id], by=SYSTEM)
        await policies.consent(tx, behalf=True, patients=True, by=SYSTEM)
        always = {"quiet_from": datetime.min.time(), "quiet_to": datetime.min.time()}
        await policies.set_policy(tx, connection.id, {"on_scheduled": False, "reminders": (60,), **always}, revision=0, by=SYSTEM)
    return Clinic(parts, connection.id, department.id)


async def _fill(clinic: Clinic, url: str) -> float:
    """Appointments whose reminder comes in a moment; the milliseconds that planning one takes."""
    spent = [await _planned(clinic, number) for number in range(PLANNED)]
    conn = await asyncpg.connect(url)
    await conn.execute("update effects set state = 'cancelled', ended_at = now()")
    await conn.execute("update messages set state = 'withdrawn'")
    for sql in _LATER:
        await conn.execute(sql, TENANT, PENDING)
    await _due(conn, clinic)
    await conn.execute("vacuum analyze")
    await conn.close()
    return statistics.median(spent)


async def _planned(clinic: Clinic, number: int) -> float:
    """One appointment as the feed tells it, with what is planned for it, in milliseconds."""
    visits, starts = clinic.parts.visits, datetime.now(UTC) + timedelta(days=3)
    names = [Identifier(clinic.connection, "csn", f"n{number}")]
    one = Appointment(clinic.connection, f"n{number}", names, clinic.department, starts, starts + timedelta(minutes=30))
    began = time.perf_counter()
    async with clinic.parts.db.tenant(TENANT) as tx:
        visit, person = await visits.appointments.appoint(tx, one)
        await visits.contacts.note(tx, visit, person.id, Contact(f"+1608{number:07d}", language="en"))
    return (time.perf_counter() - began) * 1000


async def _due(conn: asyncpg.Connection, p: Clinic) -> None:
    """Appointments with their patients, contacts, reminders and effects, as planning leaves them."""
    now, box = datetime.now(UTC), p.parts.box
    starts, due = now + timedelta(minutes=75), now + timedelta(seconds=5)
    tables: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "visits": ("tenant_id id connection_id department_id starts_at ends_at created_at", []),
        "participants": ("tenant_id id visit_id role since", []),
        "contacts": ("tenant_id participant_id visit_id phone_sealed phone_key language noted_at", []),
        "messages": (
            "tenant_id id visit_id participant_id connection_id purpose channel key due_at about minutes effect_id planned_at",
            [],
        ),
        "effects": ("tenant_id id kind destination promise key payload due_at run_at", []),
    }
    for number in range(DUE):
        visit, person, message, effect = new_id(), new_id(), new_id(), new_id()
        phone, lane = f"+1608{number:07d}", f"messages:{p.connection}"
        sealed = box.seal(phone, about=f"contact.phone:{TENANT}:{person}")
        payload = f'{{"message":"{message}","connection":"{p.connection}","channel":"sms"}}'
        rows: dict[str, tuple[Any, ...]] = {
            "visits": (visit, p.connection, p.department, starts, starts + timedelta(minutes=30), now),
            "participants": (person, visit, "patient", now),
            "contacts": (person, visit, sealed, box.keyed_hash(f"phone|{phone}"), "en", now),
            "messages": (message, visit, person, p.connection, "reminder", "sms", f"due:{number}", due, starts, 60, effect, now),
            "effects": (effect, KIND, lane, "text", f"message:{message}:1", payload, due, due),
        }
        for table, row in rows.items():
            tables[table][1].append((TENANT, *row))
    for table, (columns, rows_of) in tables.items():
        await conn.copy_records_to_table(table, records=rows_of, columns=columns.split())


async def _send(parts: Parts, book: Path) -> Taken:
    args = (sys.executable, "-m", "bench._reminders_carrier", str(LIMIT), str(book))
    carrier = await asyncio.create_subprocess_exec(*args, stdout=asyncio.subprocess.PIPE)
    assert carrier.stdout
    port = int(await carrier.stdout.readline())
    try:
        await _work(parts, f"http://127.0.0.1:{port}")
    finally:
        carrier.kill()
        await carrier.wait()
    return _read(book)


async def _work(parts: Parts, carrier: str) -> None:
    headers = ["User-Agent", "Accept", "Accept-Encoding"]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), skip_auto_headers=headers) as session:
        worker = message_worker(parts, dict.fromkeys(CarrierKind, Wire(session, carrier)))
        calm_the_collector()  # as the worker's own process does
        running = asyncio.create_task(worker.run())
        left = "select count(*) from effects where state = 'running' or (state = 'ready' and run_at < now() + interval '1 hour')"
        while await _count(parts, left):  # noqa: ASYNC110  it is in no hurry
            await asyncio.sleep(0.5)
        await worker.stop()
        await running


async def _count(parts: Parts, sql: str) -> int:
    async with parts.db.tenant(TENANT) as tx:
        return int(await tx.fetchval(sql))


def _read(book: Path) -> Taken:
    """From the carrier's own book; what it refused has a negative time."""
    records = list(struct.iter_unpack(">16sq", book.read_bytes()))
    times = sorted(at for _, at in records if at > 0)
    first, most = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= 1_000_000_000:
            first += 1
        most = max(most, last - first + 1)
    seen = Counter(message for message, at in records if at > 0)
    wrong = sum(count - 1 for count in seen.values()) + DUE - len(seen)
    seconds = (times[-1] - times[0]) / 1e9
    refused = len(records) - len(times)
    print(f"  {len(times):,} in {seconds:.2f} s; most in a second {most}; 429 {refused} times; {datetime.now(UTC):%H:%M:%S}", flush=True)
    return Taken((len(times) - 1) / seconds, most + (1 if refused else 0), refused, wrong)
