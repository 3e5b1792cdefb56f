"""Connections from a file: read strictly, applied as often as one likes; the doctor looks at what came of it."""

import json
from pathlib import Path

import pytest

from practice.server import start
from vestibule.connections import apply_connections, list_connections
from vestibule.errors import BadInput
from vestibule.installation import examine
from vestibule.settings import Settings, load

FILE = {
    "organisation": {"name": "Alder Clinic", "support_phone": "555-0134"},
    "departments": [{"name": "Cardiology", "zone": "America/Chicago", "external": "10501101"}],
    "connections": [{"name": "Alder test", "vendor": "epic", "environment": "test", "iss": "https://ehr.example.org/api/FHIR/R4"}],
}


def settings(db_url: str, data: Path) -> Settings:
    return load({"DATABASE_URL": db_url, "VESTIBULE_DATA": str(data), "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes"})


def written(folder: Path, content: object) -> Path:
    file = folder / "connections.json"
    file.write_text(json.dumps(content))
    return file


async def test_applying_a_file_twice_changes_nothing(db_url: str, tmp_path: Path) -> None:
    file = written(tmp_path, FILE)
    first = await apply_connections(settings(db_url, tmp_path), file)
    listed = await list_connections(settings(db_url, tmp_path))
    second = await apply_connections(settings(db_url, tmp_path), file)
    assert "organisation Alder Clinic: created" in first
    assert "organisation Alder Clinic: there already" in second
    assert await list_connections(settings(db_url, tmp_path)) == listed
    assert any("/jwks.json" in line for line in listed)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"connections": [{**FILE["connections"][0], "vendor": "acme"}]}, "vendor"),  # type: ignore[dict-item]
        ({"connections": [{**FILE["connections"][0], "isss": "x"}]}, "isss"),  # type: ignore[dict-item]  # a typo is not ignored
        ({"organisation": {}}, "name"),
        ({"departments": "none"}, "departments"),
    ],
)
async def test_a_wrong_file_is_refused_with_the_place_and_nothing_is_applied(
    db_url: str, tmp_path: Path, change: dict[str, object], named: str
) -> None:
    with pytest.raises(BadInput, match=named) as caught:
        await apply_connections(settings(db_url, tmp_path), written(tmp_path, {**FILE, **change}))
    assert caught.value.code == "connections-file-wrong"
    assert "no connections yet" in (await list_connections(settings(db_url, tmp_path)))[0]


async def test_the_doctor_finds_the_record_and_says_what_is_missing(db_url: str, tmp_path: Path) -> None:
    hospital = await start()
    try:
        good = {**FILE["connections"][0], "name": "Practice", "iss": hospital.fhir}  # type: ignore[dict-item]
        bad = {**FILE["connections"][0], "name": "Wrong", "iss": f"{hospital.url}/nowhere"}  # type: ignore[dict-item]
        await apply_connections(settings(db_url, tmp_path), written(tmp_path, {**FILE, "connections": [good, bad]}))
        groups = await examine(settings(db_url, tmp_path))
    finally:
        await hospital.stop()
    told = {(group.title.split(":")[0], finding.code) for group in groups for finding in group.findings}
    assert ("This installation", "database") in told
    assert ("Alder Clinic, Practice (test)", "reachable") in told
    assert ("Alder Clinic, Wrong (test)", "fhir-not-here") in told
    assert all(finding.remedy for group in groups for finding in group.findings if finding.level != "good")
