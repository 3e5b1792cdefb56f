r"""Killing programs at seeded moments, and starting them again.

    @pytest.mark.crash
    @pytest.mark.parametrize("seed", seeds())
    async def test_nothing_acknowledged_is_lost(seed: int, tmp_path: Path) -> None:
        rng = random.Random(seed)
        async with running(code(WORKER, str(tmp_path))) as worker:     # a Python program in a process of its own
            await worker.said(r"ready on (\S+)")                       # waits for a line of its output
            await kill_at(worker, rng, within=(0.0, 0.3))              # kill -9 at a moment the seed decides
        async with running(code(WORKER, str(tmp_path))) as worker:     # started again
            ...                                                        # let an independent judge compare

`running` takes anything that Python runs: `code("print(1)", "argument")`, `["-m", "vestibule", "worker"]`. The program finds `vestibule`,
`practice` and `support` on its path. Rather than at a moment, a program can be killed at an event: wait for it (`said`, `until`, a
request reaching your server), then `worker.kill()`. Only the process itself is killed, never its children: what becomes of them is
part of what such a test asks. `VESTIBULE_CRASH_SEEDS` says how many seeds each test runs (1 in `make test`, 50 in `make crash`).
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def seeds() -> list[int]:
    """The seeds to run."""
    return list(range(int(os.environ.get("VESTIBULE_CRASH_SEEDS", "1"))))


def many_seeds() -> list[int]:
    """The seeds of what may lose or double something for good: five in `make test`, twice the usual number in `make crash`."""
    wanted = os.environ.get("VESTIBULE_CRASH_SEEDS")
    return list(range(5 if wanted is None else 2 * int(wanted)))


def code(text: str, *arguments: str) -> list[str]:
    """A program given as text; `sys.argv[1:]` are the arguments."""
    return ["-c", text, *arguments]


class Program:
    """A Python program in a process of its own, whose output is read as it comes. Made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self._came = asyncio.Condition()
        self._over = False
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def output(self) -> str:
        """What it has said so far, errors too."""
        return "\n".join(self.lines)

    async def said(self, pattern: str, *, nth: int = 0, seconds: float = 30) -> re.Match[str]:
        """The first line that matches, or the one after `nth` others, waiting for it; fails with all it said when none comes any more."""
        seen = 0
        try:
            async with asyncio.timeout(seconds), self._came:
                while True:
                    for line in self.lines[seen:]:
                        seen += 1
                        if match := re.search(pattern, line):
                            if not nth:
                                return match
                            nth -= 1
                    if self._over:
                        break
                    await self._came.wait()
        except TimeoutError:
            pass
        raise AssertionError(f"never said {pattern!r}; it said:\n{self.output}")

    def kill(self) -> None:
        """kill -9, itself only. Fine when it is gone already."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """The polite request to end."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def ended(self, *, seconds: float = 30) -> int:
        """Wait for its end; the exit status, negative for a signal. All its output is in `lines` then."""
        async with asyncio.timeout(seconds):
            status = await self._process.wait()
        # A child it left behind may hold the other end of the pipe for as long as it likes.
        _, left = await asyncio.wait([self._reader], timeout=2)
        for task in left:
            task.cancel()
        self._process._transport.close()  # type: ignore[attr-defined]
        return status

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream and (line := await stream.readline()):
            async with self._came:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._came.notify_all()
        async with self._came:
            self._over = True
            self._came.notify_all()


@asynccontextmanager
async def running(argv: Sequence[str], *, env: Mapping[str, str] | None = None, under: Sequence[str] = ()) -> AsyncIterator[Program]:
    """Start a Python program; at the end of the block it is killed when it still lives.

    Args:
        argv: what follows `python`.
        env: added to (not replacing) our own environment.
        under: a command to run it under, e.g. `["setpriv", "--reuid", "nobody"]`; it must exec, so that the pid stays.
    """
    path = os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tests")])
    process = await asyncio.create_subprocess_exec(
        *under,
        sys.executable,
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(env or {})},
        limit=1_000_000,
    )
    program = Program(process)
    try:
        yield program
    finally:
        program.kill()
        await program.ended()


async def kill_at(program: Program, rng: random.Random, *, within: tuple[float, float]) -> None:
    """kill -9 at a moment the seed decides, and wait until the process is gone."""
    await asyncio.sleep(rng.uniform(*within))
    program.kill()
    await program.ended()
