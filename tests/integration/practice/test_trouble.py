"""The trouble switches."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from practice.server import Running
from support.practice_app import App


async def smart(app: App) -> Any:
    return await app.ask("GET", f"{app.hospital.fhir}/.well-known/smart-configuration")


@pytest.mark.parametrize(("mode", "status"), [("error", 500), ("busy", 429), ("refuse", 401), ("forbid", 403)])
async def test_a_switch_answers_in_place_of_the_hospital(app: App, hospital: Running, mode: str, status: int) -> None:
    hospital.setup(trouble={"discovery": {"mode": mode, "seconds": 7}})
    answer = await smart(app)
    assert answer.status == status
    assert answer.headers.get("Retry-After") == ("7" if mode == "busy" else None)
    entry = hospital.ledger("discovery")[-1]
    assert (entry["outcome"], entry["trouble"]) == ("trouble", mode)


async def test_a_switch_touches_its_own_group_only(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"fhir": {"mode": "error"}})
    assert (await smart(app)).status == 200
    answer = await app.fhir("Patient/x", "t")
    assert (answer.status, answer.json["resourceType"]) == (500, "OperationOutcome")


async def test_a_switch_counts_down_to_off(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"discovery": {"mode": "error", "times": 2}})
    assert [(await smart(app)).status for _ in range(3)] == [500, 500, 200]


async def test_slow_waits_first_and_late_answers_after_it_is_done(app: App, hospital: Running) -> None:
    for mode in ("slow", "late"):
        hospital.setup(trouble={"discovery": {"mode": mode, "seconds": 0.3, "times": 1}})
        before, since = time.monotonic(), len(hospital.ledger())
        asking = asyncio.create_task(smart(app))
        entries = await hospital.wait("discovery", since=since)
        assert mode == "slow" or not asking.done(), "late has it in the ledger before the answer leaves"
        assert mode == "late" or time.monotonic() - before >= 0.3
        assert (await asking).status == 200
        assert len(entries) == 1
        assert time.monotonic() - before >= 0.3


async def test_lost_does_it_and_hangs_up(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"discovery": {"mode": "lost"}})
    with pytest.raises(aiohttp.ClientError):
        await smart(app)
    assert hospital.ledger("discovery")[0]["outcome"] == "ok"


async def test_a_repeat_after_a_lost_answer_stands_in_the_ledger_twice(app: App, hospital: Running) -> None:
    visit = hospital.hospital.book.appointments[2]
    token = (await app.backend()).json["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Epic-Client-ID": "test-app"}
    params = {
        "ConferenceID": visit.conference,
        "ExternalID": "19",
        "ExternalIDType": "1",
        "VendorName": "V",
        "ConnectionStatus": "1",
    }
    hospital.setup(trouble={"status": {"mode": "lost", "times": 1}})
    with pytest.raises(aiohttp.ClientError):
        await app.ask("POST", hospital.hospital.at.status, data=params, headers=headers)
    assert (await app.ask("POST", hospital.hospital.at.status, data=params, headers=headers)).status == 200
    assert [e["params"] for e in hospital.ledger("status")] == [params, params]
