"""Connections put in force directly, as the demo does; the doctor looks at what came of it."""

from pathlib import Path

from practice.server import start
from vestibule.connections import ConnectionsFile, Described, Organisation, Place, apply_described, list_connections
from vestibule.installation import examine
from vestibule.run import opened
from vestibule.settings import Settings, load
from vestibule.tenancy.model import Environment, Vendor


def settings(db_url: str, data: Path) -> Settings:
    return load({"DATABASE_URL": db_url, "VESTIBULE_DATA": str(data), "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes"})


def described(**addresses: str) -> ConnectionsFile:
    """Connections of these names to these addresses."""
    connections = [Described(name, Vendor.EPIC, Environment.TEST, iss) for name, iss in addresses.items()]
    return ConnectionsFile(Organisation("Alder Clinic", "555-0134"), [Place("Cardiology", "America/Chicago", "10501101")], connections)


async def applied(now: Settings, what: ConnectionsFile) -> list[str]:
    async with opened(now) as parts:
        return await apply_described(parts, what)


async def test_describing_the_same_twice_changes_nothing(db_url: str, tmp_path: Path) -> None:
    now, what = settings(db_url, tmp_path), described(Alder="https://ehr.example.org/api/FHIR/R4")
    first = await applied(now, what)
    listed = await list_connections(now)
    second = await applied(now, what)
    assert "organisation Alder Clinic: created" in first
    assert "organisation Alder Clinic: there already" in second
    assert await list_connections(now) == listed
    assert any("/jwks.json" in line for line in listed)


async def test_the_doctor_finds_the_record_and_says_what_is_missing(db_url: str, tmp_path: Path) -> None:
    hospital = await start()
    try:
        await applied(settings(db_url, tmp_path), described(Practice=hospital.fhir, Wrong=f"{hospital.url}/nowhere"))
        groups = await examine(settings(db_url, tmp_path))
    finally:
        await hospital.stop()
    told = {(group.title.split(":")[0], finding.code) for group in groups for finding in group.findings}
    assert ("This installation", "database") in told
    assert ("Alder Clinic, Practice (test)", "reachable") in told
    assert ("Alder Clinic, Wrong (test)", "fhir-not-here") in told
    assert all(finding.remedy for group in groups for finding in group.findings if finding.level != "good")
