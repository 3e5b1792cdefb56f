"""The ledger judges crashes, so it must outlive one of its own: kill -9 at a random moment, by seed."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Self

import aiohttp
import pytest

from practice.carriers.seed import SID, TOKEN, TOLL_FREE
from practice.ledger import Ledger
from practice.seed import BACKEND_CLIENT
from support.hl7_receiver import receiving

SEEDS = int(os.environ.get("VESTIBULE_CRASH_SEEDS", "1"))
AUTH = "Basic " + base64.b64encode(b"emp$telehealth:practice").decode()
CARRIER = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
SRC = Path(__file__).parents[3] / "src"


class Process:
    """A practice hospital as a process of its own."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def __aenter__(self) -> Self:
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "practice",
            "--data",
            str(self._data),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SRC)},
        )
        assert self.child.stdout is not None
        said = json.loads(await self.child.stdout.readline())
        self.url, self.smtp = said["url"], said["smtp"]
        return self

    async def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        await self.child.wait()

    async def __aexit__(self, *exc: object) -> None:
        if self.child.returncode is None:
            self.child.terminate()
            await self.child.wait()


class Acknowledged(Counter[str]):
    """How often each call was answered; says when there were enough answers to die after."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self._left = enough
        self.enough = asyncio.Event()

    def note(self, vendor: str) -> None:
        self[vendor] += 1
        self._left -= 1
        if self._left <= 0:
            self.enough.set()


async def tell_until_it_dies(url: str, who: int, acknowledged: Acknowledged) -> None:
    """Send status calls one after another, and count those that were answered."""
    path = "/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus"
    async with aiohttp.ClientSession(headers={"Authorization": AUTH, "Epic-Client-ID": BACKEND_CLIENT}) as session:
        number = 0
        while True:
            number += 1
            vendor = f"caller {who}, call {number // 2}"  # each twice, for the ledger must not merge them
            params = {"ConferenceID": "1855", "ExternalID": "19", "ExternalIDType": "1", "VendorName": vendor, "ConnectionStatus": "1"}
            try:
                async with session.post(url + path, data=params) as answer:
                    assert answer.status == 200
                    await answer.read()
            except aiohttp.ClientError:
                return
            acknowledged.note(vendor)


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_nothing_that_was_acknowledged_is_lost_to_kill_9(tmp_path: Path, seed: int) -> None:
    acknowledged = Acknowledged(enough=random.Random(seed).randint(1, 60))
    async with Process(tmp_path) as process:
        callers = [asyncio.create_task(tell_until_it_dies(process.url, who, acknowledged)) for who in range(4)]
        await acknowledged.enough.wait()
        await process.kill()
        await asyncio.gather(*callers)
    ledger = Ledger(tmp_path, lambda: 0.0)
    entries = ledger.entries(kind="status")
    ledger.close()
    written = Counter(entry["params"]["VendorName"] for entry in entries)
    lost = {vendor: count for vendor, count in acknowledged.items() if written[vendor] < count}
    assert not lost
    assert written.total() - acknowledged.total() <= 4, "at most the one call that each caller had under way"
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_was_queued_for_the_interface_arrives_though_the_hospital_is_killed(tmp_path: Path, seed: int) -> None:
    """Each appointment's messages in their order, under the control ids they were queued with, at least once."""
    enough, answered = random.Random(seed).randint(1, 25), 0
    async with receiving() as receiver:
        async with Process(tmp_path) as first, aiohttp.ClientSession() as session:
            asked = {"interface": {"on": True, "port": receiver.port, "retry_seconds": 0.02}}
            async with session.post(f"{first.url}/setup", json=asked) as answer:
                assert answer.status == 200
            booked: list[str] = []
            while answered < enough:
                do = {"do": "book", "patient": "Z4575", "practitioner": "19"} if answered % 2 == 0 else {"do": "cancel", "csn": booked[-1]}
                async with session.post(f"{first.url}/schedule.json", json=do) as answer:
                    booked.append((await answer.json())["csn"])
                answered += 1
            await first.kill()
        async with (
            Process(tmp_path) as second,
            aiohttp.ClientSession() as session,
            session.get(f"{second.url}/interface.json?wait=10") as answer,
        ):
            seen = await answer.json()
    assert seen["settled"]
    queued = [one["control"] for one in seen["queue"]]
    assert len(queued) == answered
    assert list(dict.fromkeys(receiver.controls())) == queued


async def test_a_killed_hospital_comes_back_as_it_was(tmp_path: Path) -> None:
    async with Process(tmp_path) as first, aiohttp.ClientSession() as session:
        async with session.post(f"{first.url}/setup", json={"patients": [{"given": "Kept", "family": "Person"}]}) as answer:
            assert answer.status == 200
        text = {"To": "+16085550142", "From": TOLL_FREE, "Body": "Kept, too"}
        messages = f"{first.url}/twilio/2010-04-01/Accounts/{SID}/Messages.json"
        async with session.post(messages, data=text, headers={"Authorization": CARRIER}) as answer:
            assert answer.status == 201
        _, writer = await asyncio.open_connection("127.0.0.1", first.smtp)
        writer.close()
        await first.kill()
    async with Process(tmp_path) as second, aiohttp.ClientSession() as session:
        async with session.get(f"{second.url}/setup") as answer:
            assert [p["given"] for p in (await answer.json())["patients"]][-1] == "Kept"
        async with session.get(f"{second.url}/carriers/ledger") as answer:
            assert [one["text"] for one in (await answer.json())["texts"]] == ["Kept, too"]


async def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with Process(tmp_path) as first:
        port = first.url.rsplit(":", 1)[1]
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "practice", "--port", port, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SRC)}
        )
        _, said = await second.communicate()
    assert second.returncode == 1
    assert b"is taken" in said
    assert b"Traceback" not in said
