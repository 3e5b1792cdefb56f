"""Published scheduling messages and the FHIR bundles that a published mapping makes of them: our notices say the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from vestibule.protocols.hl7v2 import Notice, interval, parse, read_notice

ACTOR = {"AIG": "Device", "AIL": "Location", "AIP": "Practitioner"}


def samples() -> list[Path]:
    corpus = os.environ.get("VESTIBULE_CORPUS")
    return sorted((Path(corpus) / "hl7v2").glob("SIU-*.hl7")) if corpus else []


@pytest.fixture(params=samples() or [None], ids=lambda one: one.stem if one else "none")
def sample(request: pytest.FixtureRequest) -> tuple[Notice, dict[str, Any]]:
    if request.param is None:
        pytest.skip("VESTIBULE_CORPUS is not set: the published messages are not here")
    file: Path = request.param
    bundle = json.loads(file.with_suffix(".expected.json").read_text(encoding="utf-8"))
    return read_notice(parse(file.read_bytes())), {"entry": {one["resource"]["id"]: one["resource"] for one in bundle["entry"]}}


def appointment(bundle: dict[str, Any]) -> dict[str, Any]:
    (one,) = (resource for resource in bundle["entry"].values() if resource["resourceType"] == "Appointment")
    assert isinstance(one, dict)
    return one


def test_identifiers(sample: tuple[Notice, dict[str, Any]]) -> None:
    notice, bundle = sample
    expected = {one["type"]["coding"][0]["code"]: one["value"] for one in appointment(bundle)["identifier"]}
    assert {"PLAC": notice.placer.id, "FILL": notice.filler.id} == expected


def test_status(sample: tuple[Notice, dict[str, Any]]) -> None:
    notice, bundle = sample
    assert notice.status.value == appointment(bundle)["status"]


def test_start_end_and_duration(sample: tuple[Notice, dict[str, Any]]) -> None:
    notice, bundle = sample
    expected = appointment(bundle)
    assert interval(notice, "") == (datetime.fromisoformat(expected["start"]), datetime.fromisoformat(expected["end"]))
    assert notice.minutes == expected["minutesDuration"]


def test_participants(sample: tuple[Notice, dict[str, Any]]) -> None:
    notice, bundle = sample
    ours = [
        (ACTOR[one.segment], one.id.code, one.family, one.kind.code if one.segment != "AIL" else "")
        for one in notice.resources
        if one.segment in ACTOR
    ]
    assert sorted(ours) == sorted(theirs(bundle))


def theirs(bundle: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Type, id or name, family name, and role of every participant but the patient."""
    for one in appointment(bundle)["participant"]:
        kind, _, key = one["actor"]["reference"].partition("/")
        if kind != "Patient":
            actor = bundle["entry"][key]
            role = one["type"][0]["coding"][0]["code"] if "type" in one else ""
            named = actor["name"][0] if kind == "Practitioner" else {}
            yield kind, actor["identifier"][0]["value"] if kind != "Location" else actor["name"], named.get("family", ""), role


def test_what_the_appointment_is_for(sample: tuple[Notice, dict[str, Any]]) -> None:
    notice, bundle = sample
    assert notice.appointment_reason.code == appointment(bundle)["appointmentType"]["coding"][0]["code"]
