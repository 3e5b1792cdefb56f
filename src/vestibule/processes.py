"""Child processes of the demo: started together, ended together, and never outliving us."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 8.0


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """`wanted` if nobody listens there, else the next free one above it: a busy port is stepped over. 0 takes any free one."""
    for port in [0] if wanted == 0 else range(wanted, wanted + 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port from {wanted} to {wanted + 199}")


def _die_with_parent() -> None:
    """In the child, before exec: be told when the parent dies, even by kill -9 (Linux; elsewhere Ctrl-C still reaches us)."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Family:
    """Children that live and die with us. Each writes to its own log file."""

    logs: Path
    children: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, name: str, command: Sequence[str], env: Mapping[str, str], *, read_first_line: bool = False) -> str:
        """Start a child; its first line of output when `read_first_line`, for those that announce their address."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *command,
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if read_first_line else log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
        self.children[name] = child
        if not read_first_line or child.stdout is None:
            return ""
        line = await asyncio.wait_for(child.stdout.readline(), 30)
        if not line:
            raise ChildProcessError(f"{name} did not start; see {self.logs / (name + '.log')}")
        return line.decode().strip()

    async def first_to_end(self) -> str:
        """Wait until one child ends by itself; its name."""
        waits = {asyncio.create_task(child.wait(), name=name) for name, child in self.children.items()}
        done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        return next(iter(done)).get_name()

    async def stop(self) -> None:
        """End every child, kindly first, the youngest first."""
        for child in reversed(self.children.values()):
            if child.returncode is None:
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), _STOP_SECONDS)
            except TimeoutError:
                child.kill()
                await child.wait()
        self.children.clear()
