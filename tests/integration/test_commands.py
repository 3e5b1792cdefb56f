"""The commands a person types, as processes: what they print, and what they say when something is wrong."""

from pathlib import Path

import pytest

from support.commands import vestibule
from vestibule.connections import ConnectionsFile, Described, Organisation, apply_described, tenant_called
from vestibule.settings import load
from vestibule.tenancy.model import Environment, Vendor
from vestibule.visits.model import Identifier, PersonRole
from vestibule.wiring import open_parts


async def test_help_lists_every_command() -> None:
    status, said = await vestibule("--help")
    assert status == 0
    for name in ("demo", "serve", "worker", "migrate", "doctor", "settings", "link", "operator-link", "connection", "config"):
        assert name in said


async def test_every_wrong_setting_is_told_at_once_without_a_stack_trace() -> None:
    status, said = await vestibule("settings", VESTIBULE_PORT="http", VESTIBULE_LOG_LEVEL="loud")
    assert status == 2
    assert "VESTIBULE_PORT" in said
    assert "VESTIBULE_LOG_LEVEL" in said
    assert "Traceback" not in said


async def test_settings_never_print_a_secret() -> None:
    status, said = await vestibule("settings", VESTIBULE_TURN_SECRET="hunter2hunter2")
    assert status == 0
    assert "hunter2" not in said
    assert "(set)" in said


async def test_a_database_that_is_not_there_is_one_sentence() -> None:
    status, said = await vestibule("migrate", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert status == 1
    assert "database-unavailable" in said
    assert "Traceback" not in said


async def test_migrating_twice_says_that_nothing_is_left_to_do(empty_url: str, tmp_path: Path) -> None:
    where = {"DATABASE_URL": empty_url, "VESTIBULE_DATA": str(tmp_path)}
    assert "0000_ground" in (await vestibule("migrate", **where))[1]
    assert "up to date" in (await vestibule("migrate", **where))[1]


async def test_the_doctor_says_what_is_in_the_way_and_how_much(db_url: str, tmp_path: Path) -> None:
    where = {"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path)}
    status, said = await vestibule("doctor", **where)
    assert status == 0
    assert "This installation" in said
    assert "(public-url-plain)" in said
    assert "0 in the way" in said
    status, said = await vestibule("doctor", **(where | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}))
    assert status == 1
    assert "(database-unusable)" in said
    assert "1 in the way" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("by", ["id", "csn"])
async def test_a_link_is_made_for_a_visit_named_by_its_id_or_its_csn(by: str, db_url: str, tmp_path: Path) -> None:
    where = {"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path)}
    settings = load(where)
    described = Described("Test", Vendor.EPIC, Environment.TEST, "https://ehr.example.org/R4")
    async with open_parts(settings, db_url) as parts:
        await apply_described(parts, ConnectionsFile(Organisation("Alder Clinic"), [], [described]))
        async with parts.db.tenant(tenant_called("Alder Clinic")) as tx:
            connection = (await parts.tenancy.connections(tx))[0]
            visit, _ = await parts.visits.open_or_join(
                tx,
                connection=connection.id,
                identifiers=[Identifier(connection.id, "csn", "1853")],
                role=PersonRole.PROVIDER,
                person="19",
                person_type="1",
                name="Rosa Okafor",
            )
    status, said = await vestibule("link", str(visit.id) if by == "id" else "1853", **where)
    assert status == 0
    assert said.startswith("http://127.0.0.1:8080/j/")
    status, said = await vestibule("link", "9999", **where)
    assert status == 1
    assert "visit-not-found" in said
    status, said = await vestibule("operator-link", **where)
    assert "Alder Clinic: http://127.0.0.1:8080/h/" in said


async def test_a_configuration_is_planned_applied_and_exported(db_url: str, tmp_path: Path) -> None:
    where = {"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path)}
    file = tmp_path / "alder.yaml"
    file.write_text("organisations:\n  - name: Alder [bold]Clinic\n    departments: [{name: Cardiology, zone: UTC}]\n")
    status, said = await vestibule("config", "plan", str(file), **where)
    assert (status, said.splitlines()[0]) == (2, "+ create organisation Alder [bold]Clinic")
    assert (await vestibule("config", "apply", str(file), **where))[0] == 0
    status, said = await vestibule("config", "plan", str(file), **where)
    assert (status, said) == (0, "Nothing to change; 2 unchanged.\n")
    out = tmp_path / "out.yaml"
    assert (await vestibule("config", "export", "-o", str(out), **where))[0] == 0
    assert (await vestibule("config", "plan", str(out), **where))[0] == 0
    file.write_text("organisations:\n  - nam: Alder\n")
    status, said = await vestibule("config", "plan", str(file), **where)
    assert (status, "alder.yaml:2:5: organisations[0].nam:" in said, "Traceback" in said) == (1, True, False)
