"""The ledger and its file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from practice.ledger import Ledger


def opened(folder: Path) -> Ledger:
    return Ledger(folder, lambda: 1_700_000_000.5)


def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.append({"kind": "status", "params": {"ConferenceID": "701853"}})
    first.append({"kind": "status", "params": {"ConferenceID": "701853"}})
    first.close()
    again = opened(tmp_path)
    assert [e["seq"] for e in again.entries()] == [1, 2], "two calls with the same parameters both stand in it"
    assert again.entries()[0]["at"] == "2023-11-14T22:13:20.500Z"
    again.close()


@pytest.mark.parametrize("torn", [b"{", b'{"seq": 3, "kind": "sta', b'{"seq": 3}', b"\xff\xfe"])
def test_a_line_torn_by_a_kill_is_cut_off_and_the_next_starts_clean(tmp_path: Path, torn: bytes) -> None:
    first = opened(tmp_path)
    first.append({"kind": "fhir"})
    first.append({"kind": "status"})
    first.close()
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(torn)
    again = opened(tmp_path)
    assert [e["kind"] for e in again.entries()] == ["fhir", "status"]
    again.append({"kind": "token"})
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [(e["seq"], e["kind"]) for e in lines] == [(1, "fhir"), (2, "status"), (3, "token")]


def test_a_file_that_is_only_a_torn_line_is_an_empty_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b'{"seq": 1')
    ledger = opened(tmp_path)
    assert ledger.entries() == []
    assert ledger.append({"kind": "fhir"})["seq"] == 1
    ledger.close()


def test_entries_can_be_asked_for_by_kind_and_from_a_number_on(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for kind in ("fhir", "status", "fhir", "status"):
        ledger.append({"kind": kind})
    assert [e["seq"] for e in ledger.entries(kind="status")] == [2, 4]
    assert [e["seq"] for e in ledger.entries(kind="status", since=2)] == [4]
    assert ledger.entries(since=9) == []
    assert len(ledger.entries(since=-3)) == 4
    ledger.close()


async def test_a_reader_waits_until_there_is_enough(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    waiting = asyncio.create_task(ledger.wait(kind="status", count=2, seconds=30))
    for kind in ("status", "fhir", "status"):
        await asyncio.sleep(0)
        ledger.append({"kind": kind})
    assert [e["seq"] for e in await waiting] == [1, 3]
    ledger.close()


async def test_a_reader_who_waits_in_vain_gets_what_there_is(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.append({"kind": "status"})
    assert len(await ledger.wait(kind="status", count=2, seconds=0.01)) == 1
    ledger.close()
