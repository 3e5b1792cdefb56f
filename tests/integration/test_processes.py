"""The demo's children: started together, ended together, never outliving their parent."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from vestibule.processes import Family, free_port

ENV = {"PATH": os.environ["PATH"]}
ANNOUNCE = "import signal, sys; print('here', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); signal.pause()"


def gone(pid: int) -> bool:
    """Ended, or only a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while not gone(pid):  # noqa: ASYNC110  another process's end gives us no event
            await asyncio.sleep(0.02)


def test_a_busy_port_is_stepped_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert free_port(taken) > taken


async def test_a_child_announces_itself_and_ends_when_told(tmp_path: Path) -> None:
    family = Family(tmp_path)
    assert await family.start("one", [sys.executable, "-c", ANNOUNCE], ENV, read_first_line=True) == "here"
    pid = family.children["one"].pid
    await family.stop()
    assert gone(pid)


async def test_a_child_that_ends_at_once_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    family = Family(tmp_path)
    with pytest.raises(ChildProcessError, match=r"one\.log"):
        await family.start("one", [sys.executable, "-c", "raise SystemExit(3)"], ENV, read_first_line=True)
    await family.stop()


async def test_the_first_child_to_end_by_itself_is_named(tmp_path: Path) -> None:
    family = Family(tmp_path)
    await family.start("lasting", [sys.executable, "-c", ANNOUNCE], ENV, read_first_line=True)
    await family.start("brief", [sys.executable, "-c", "pass"], ENV)
    assert await asyncio.wait_for(family.first_to_end(), 30) == "brief"
    await family.stop()


async def test_a_child_that_ignores_the_kind_word_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestibule.processes._STOP_SECONDS", 0.2)
    family = Family(tmp_path)
    await family.start("stubborn", [sys.executable, "-c", STUBBORN], ENV, read_first_line=True)
    pid = family.children["stubborn"].pid
    await family.stop()
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word to orphans is Linux's")
async def test_children_do_not_outlive_a_parent_killed_with_9(tmp_path: Path) -> None:
    source = (
        "import asyncio, sys; from pathlib import Path; from vestibule.processes import Family\n"
        "async def main():\n"
        "    family = Family(Path(sys.argv[1]))\n"
        f"    await family.start('child', [sys.executable, '-c', {ANNOUNCE!r}], {{}}, read_first_line=True)\n"
        "    print(family.children['child'].pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2] / "src"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", source, str(tmp_path), env={**ENV, "PYTHONPATH": str(root)}, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 60))
    assert not gone(child)
    parent.send_signal(signal.SIGKILL)
    await parent.communicate()
    await until_gone(child)
