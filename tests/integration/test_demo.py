"""`vestibule demo`: one command, one address, nothing left behind."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from support.ports import free_port
from support.waiting import until
from vestibule.demo import forget
from vestibule.errors import Conflict

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(rb"http://localhost:(\d+)/")


async def start(data: Path, port: int, *options: str) -> tuple[asyncio.subprocess.Process, str]:
    """A running demo and the address it printed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vestibule", "demo", "--data", str(data), "--port", str(port), *options),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert demo.stdout is not None
    said = b""
    async with asyncio.timeout(120):
        while not (found := ADDRESS.search(said)):
            line = await demo.stdout.readline()
            assert line, said.decode()
            said += line
    return demo, found.group(0).decode()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def processes_naming(folder: Path) -> list[str]:
    """Command lines and environments of living processes that mention a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
            words = line + (place / "environ").read_bytes()
            state = (place / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if str(folder).encode() in words and state != "Z" and int(place.name) != os.getpid():
            found.append(line.replace(b"\0", b" ").decode())
    return found


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_demo_answers_steps_over_a_busy_port_keeps_its_data_and_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that ended there a moment ago takes it from nobody
        busy.bind(("127.0.0.1", free_port(12)))
        busy.listen()
        port = busy.getsockname()[1]
        demo, address = await start(data, port)
        page = await asyncio.to_thread(fetch, address)
        book = json.loads(await asyncio.to_thread(fetch, f"{address}setup"))
        demo.send_signal(signal.SIGINT)
        await asyncio.wait_for(demo.communicate(), 60)
    assert "patient" in page.lower()
    assert [(one["tid"], one["everyone"]) for one in book["access_policies"]] == [(book["directories"][0]["tid"], True)]
    assert [len(one["certificates"]) for one in book["sign_in_apps"]] == [0, 1]
    assert str(port + 1) not in [one["url"] for one in book["launches"] if f":{port}/" in one["url"]]
    await until(lambda: not processes_naming(data), what="nothing is left running")

    demo, address = await start(data, port)
    again = json.loads(await asyncio.to_thread(fetch, f"{address}setup"))
    demo.send_signal(signal.SIGTERM)
    await asyncio.wait_for(demo.communicate(), 60)
    assert [one["id"] for one in again["patients"]] == [one["id"] for one in book["patients"]]
    await until(lambda: not processes_naming(data), what="nothing is left running")


def test_reset_removes_only_what_a_demo_made(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("to keep")
    with pytest.raises(Conflict):
        forget(tmp_path)
    assert (tmp_path / "letters").exists()
    (tmp_path / "vestibule-demo").touch()
    forget(tmp_path)
    assert not tmp_path.exists()


def test_reset_of_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    forget(tmp_path / "absent")
