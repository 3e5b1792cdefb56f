"""`vestibule admin invite`, as somebody at a command line uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.house import settings
from vestibule.errors import BadInput
from vestibule.identity.model import MemberState, StaffRole
from vestibule.inviting import invite_administrator
from vestibule.settings import Settings, as_environment, load
from vestibule.wiring import open_parts


def own(db_url: str, data: Path) -> Settings:
    return load({**as_environment(settings(8080, data)), "DATABASE_URL": db_url})


async def test_on_an_empty_installation_it_makes_the_organisation_and_a_link_that_works(db_url: str, tmp_path: Path) -> None:
    said = await invite_administrator(own(db_url, tmp_path), "Alder Clinic", "robin@alder.example")
    assert said[0] == "organisation Alder Clinic: created"
    assert said[-1].startswith("http://127.0.0.1:8080/invitation/")
    async with open_parts(own(db_url, tmp_path), db_url) as parts:
        code = said[-1].rpartition("/")[2]
        tenant = await parts.members.whose_invitation(parts.db, code)
        async with parts.db.tenant(tenant) as tx:
            invited = await parts.members.invitation(tx, code)
            assert (invited.state, invited.roles, invited.email) == (
                MemberState.INVITED,
                {StaffRole.ADMINISTRATOR},
                "robin@alder.example",
            )


async def test_on_a_used_one_it_finds_the_organisation_by_name_or_as_the_only_one(db_url: str, tmp_path: Path) -> None:
    here = own(db_url, tmp_path)
    await invite_administrator(here, "Alder Clinic", "")
    for name in ("alder clinic", " Alder  Clinic ", ""):
        assert (await invite_administrator(here, name, ""))[0] == "organisation Alder Clinic: there already"
    assert (await invite_administrator(here, "Birch Hospital", ""))[0] == "organisation Birch Hospital: created"
    with pytest.raises(BadInput, match="organisation-ambiguous"):
        await invite_administrator(here, "", "")


async def test_without_a_name_an_empty_installation_asks_for_one(db_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="organisation-not-named"):
        await invite_administrator(own(db_url, tmp_path), "", "")


def test_the_command_says_what_it_is_for() -> None:
    from vestibule.cli import app  # noqa: PLC0415  only this test needs the command line

    said = CliRunner().invoke(app, ["admin", "invite", "--help"]).output
    assert "one-time link" in said
