"""The program as a person types it: a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def vestibule(*words: str, **environ: str) -> tuple[int, str]:
    """Run a command; its exit status and everything it said."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200", **environ}
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vestibule", *words), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(command.communicate(), 60)
    return command.returncode or 0, said.decode()
