"""`vestibule demo`: an embedded PostgreSQL, the web, a worker and the practice hospital on one machine, introduced to each other.

The practice hospital is another program: started as a child, set up over HTTP as a real record would be by hand, and never imported.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from rich.console import Console

from vestibule.demo.certificate import certificate_in
from vestibule.demo.doors import doors
from vestibule.demo.introduce import hand_over, introduce, tell_practice, with_sign_in
from vestibule.demo.reaching import hear_carriers, let_appointments_in, let_texts_out, send_appointments
from vestibule.demo.teams import connect_teams, prove_teams, register_with_microsoft
from vestibule.errors import Conflict, Unavailable, VestibuleError
from vestibule.kit.clock import SystemClock
from vestibule.kit.exchange import Ask
from vestibule.platform.db import EmbeddedPostgres, migrate
from vestibule.platform.http import Http
from vestibule.platform.telemetry.logs import configure
from vestibule.processes import Family, free_port
from vestibule.run import stop_event
from vestibule.settings import Settings, as_environment, inherited, load
from vestibule.wiring import Parts, open_parts

_MARK = "vestibule-demo"  # a file that says: this folder is the demo's, and --reset may remove it
_READY_SECONDS = 30.0
_logs: list[TextIO] = []

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo.

    Attributes:
        start: the guided page to open first.
        origin: where Vestibule itself answers.
        practice: where the practice hospital answers.
        production: where the practice hospital's production environment answers.
        operator: gives a fresh one-time operator session on every visit.
        set_up: gives a fresh one-time invitation to set up an organisation from nothing.
    """

    start: str
    origin: str
    practice: str
    production: str
    operator: str
    set_up: str
    database_url: str
    parts: Parts
    family: Family


async def run_demo(console: Console, *, data: Path, port: int, reset: bool, empty: bool = False) -> None:
    """Start, print the address, stay until Ctrl-C or until a child ends, leave nothing running."""
    stop = stop_event()
    prepare(data, reset=reset)
    with console.status("Starting ...") as status:
        stack = AsyncExitStack()
        demo = await stack.enter_async_context(running(data, port, status.update, empty=empty))
    async with stack:
        console.print(f"\n  Vestibule's demo is ready. Open [bold]{demo.start}[/]\n", highlight=False)
        console.print(f"  Its data is kept in {data}; --reset forgets it. Press Ctrl-C to stop.\n", highlight=False)
        ended = asyncio.create_task(demo.family.first_to_end())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stop.is_set():
            name = ended.result()
            raise Unavailable(
                "demo-process-ended", f"The {name} process ended by itself; see {data / 'logs' / (name + '.log')}.", phase="demo.run"
            )
        ended.cancel()
        stopped.cancel()
        console.print("Stopping ...")


def prepare(data: Path, *, reset: bool) -> None:
    """The folder, marked as the demo's own; this process's log goes there instead of to the terminal."""
    if reset:
        forget(data)
    (data / "logs").mkdir(parents=True, exist_ok=True)
    (data / _MARK).touch()
    stream = (data / "logs" / "demo.log").open("a", encoding="utf-8")
    configure("warning", stream=stream)
    while _logs:  # of a demo before this one in the same process
        _logs.pop().close()
    _logs.append(stream)


def forget(data: Path) -> None:
    """Remove what an earlier demo kept.

    Raises:
        Conflict: `demo-folder-foreign`, when the folder holds something that no demo wrote.
    """
    if not data.exists() or not any(data.iterdir()):
        return
    if not (data / _MARK).exists():
        raise Conflict("demo-folder-foreign", f"{data} was not made by the demo; nothing was removed.", phase="demo.reset")
    shutil.rmtree(data)


@asynccontextmanager
async def running(
    data: Path, port: int, report: Report, *, extra_environment: dict[str, str] | None = None, empty: bool = False
) -> AsyncIterator[Demo]:
    """Everything up and introduced in a folder made by `prepare`; everything down afterwards, whatever happened.

    Args:
        data: keeps everything.
        port: the first to try.
        report: is told what is being done.
        extra_environment: for the processes started.
        empty: nothing is set up: no organisation, no connection, no record in the practice hospital.
    """
    data = Path.cwd() / data
    async with AsyncExitStack() as stack:
        report("Starting PostgreSQL ...")
        postgres = EmbeddedPostgres(data / "postgres")
        stack.push_async_callback(postgres.stop)
        url = await postgres.start()
        await migrate(url)
        settings = demo_settings(data, port, url)
        family = Family(data / "logs")
        stack.push_async_callback(family.stop)
        report("Opening the practice hospital ...")
        practice, production = await _start_practice(family, data, settings.port, {**inherited(), "PYTHONUNBUFFERED": "1"})
        settings = with_sign_in(settings, practice)
        environment = {**inherited(), **as_environment(settings), "PYTHONUNBUFFERED": "1", **(extra_environment or {})}
        parts = await stack.enter_async_context(open_parts(settings, url))
        if not empty:
            await _set_up(parts, practice)
        report("Starting Vestibule ...")
        for name in ("serve", "worker", "mllp"):
            await family.start(name, [sys.executable, "-m", "vestibule", name], environment)
        await _until_ready(parts, family, settings)
        door = await stack.enter_async_context(doors(parts, settings.port + 3))
        await tell_practice(parts, practice, f"{door}/set-up" if empty else "")
        if not empty:
            await _join_up(parts, practice, f"{door}/operator")
        yield Demo(
            start=f"{practice}/",
            origin=settings.origin,
            practice=practice,
            production=production,
            operator=f"{door}/operator",
            set_up=f"{door}/set-up",
            database_url=url,
            parts=parts,
            family=family,
        )


async def _join_up(parts: Parts, practice: str, operator: str) -> None:
    """What the practice hospital is told once we answer: our records, where appointments and receipts go, our application at Microsoft."""
    await hand_over(parts, practice, operator)
    await send_appointments(parts, practice)
    await hear_carriers(parts, practice)
    await register_with_microsoft(parts, practice)
    await prove_teams(parts)


async def _set_up(parts: Parts, practice: str) -> None:
    """An organisation with everything that its administrator would have set."""
    await introduce(parts, practice)
    await let_appointments_in(parts, free_port(parts.settings.port + 6))
    await let_texts_out(parts, practice)
    await connect_teams(parts, practice)


def demo_settings(data: Path, port: int, database_url: str) -> Settings:
    """What the demo's processes are started with."""
    free = free_port(port)
    return replace(
        load(),
        database_url=database_url,
        data=data,
        host="127.0.0.1",
        port=free,
        public_url=f"http://127.0.0.1:{free}",
        allow_loopback_http=True,
        mllp_port=free_port(free + 4),
        hl7_https_port=free_port(free + 5),
        tls_certificate=str(certificate_in(data, SystemClock().now())),
    )


async def _start_practice(family: Family, data: Path, web_port: int, environment: dict[str, str]) -> tuple[str, str]:
    """The hospital's test and production environments; each knows the other."""
    first = free_port(web_port + 1)
    ports = {"test": first, "production": free_port(first + 1)}
    urls = []
    for name, other in (("test", "production"), ("production", "test")):
        folder = data / ("practice" if name == "test" else "practice-production")
        command = [sys.executable, "-m", "practice", "--port", str(ports[name]), "--data", str(folder)]
        command += ["--environment", name, "--other-url", f"http://localhost:{ports[other]}"]
        line = await family.start("practice" if name == "test" else "practice-production", command, environment, read_first_line=True)
        urls.append(str(json.loads(line)["url"]))
    return urls[0], urls[1]


async def _until_ready(parts: Parts, family: Family, settings: Settings) -> None:
    """Ask the web until it proves itself; a child that ends meanwhile is reported at once."""
    deadline = parts.clock.monotonic() + _READY_SECONDS
    while parts.clock.monotonic() < deadline:
        for name, child in family.children.items():
            if child.returncode is not None:
                raise Unavailable(
                    "demo-process-ended", f"The {name} process ended; see {family.logs / (name + '.log')}.", phase="demo.start"
                )
        if await _ready(parts, settings):
            return
        await asyncio.sleep(0.1)
    raise Unavailable("demo-not-ready", f"The web did not become ready; see {family.logs / 'serve.log'}.", phase="demo.start")


async def _ready(parts: Parts, settings: Settings) -> bool:
    """One probe, through a door of its own: the breaker of the shared one would remember that nobody answered yet."""
    door = Http(clock=parts.clock, allow_loopback_http=True)
    try:
        answer = await door.perform(Ask("GET", f"http://127.0.0.1:{settings.port}/health/ready", "demo.ready"), timeout=2)
    except VestibuleError:
        return False
    finally:
        await door.close()
    return answer.ok
