"""The configuration as a file: planned, applied once and twice, approved by a person, exported, pruned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from vestibule.configuration.commands import Outcome, apply, export, plan
from vestibule.errors import BadInput
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import MemberId, TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.run import opened
from vestibule.settings import Settings, load
from vestibule.tenancy.model import Version
from vestibule.wiring import Parts

FILE = """\
organisations:
  - name: Alder Clinic
    support_phone: 555-0134
    idle_minutes: 20
    departments:
      - {name: Cardiology, zone: America/Chicago, external: "10501101"}
      - {name: Front desk, zone: America/Chicago}
    connections:
      - name: Alder test
        vendor: epic
        environment: test
        iss: https://ehr.example.org/tst/api/FHIR/R4
        provider_client_id: app-1
        client_auth: client_secret_basic
        client_secret_file: secret
        profile: {status: {verb: POST}}
        approver: ana@alder.example
      - name: Alder Millennium
        vendor: oracle_health
        environment: production
        iss: https://fhir.example.org/r4/tenant
        provider_client_id: app-2
  - name: Birch Clinic
    parent: Alder Clinic
"""


@pytest.fixture
def settings(db_url: str, tmp_path: Path) -> Settings:
    (tmp_path / "secret").write_text("s3cret-of-alder\n")
    return load({"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path / "data"), "VESTIBULE_POOL_SIZE": "4"})


def written(folder: Path, text: str = FILE) -> Path:
    file = folder / "alder.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@asynccontextmanager
async def within(settings: Settings, name: str = "Alder Clinic") -> AsyncIterator[tuple[Parts, TenantId]]:
    async with opened(settings) as parts:
        for tenant in await parts.tenancy.tenants(parts.db):
            async with parts.db.tenant(tenant) as tx:
                if (await parts.organisations.get(tx)).name == name:
                    break
        yield parts, tenant


async def approver(settings: Settings) -> MemberId:
    """Ana, who may approve, and has joined."""
    async with opened(settings) as parts:
        tenant = await parts.organisations.create(parts.db, name="Alder Clinic", by=SYSTEM)
        async with parts.db.tenant(tenant) as tx:
            invited = await parts.members.invite(tx, email="Ana@alder.example", roles={StaffRole.APPROVER}, by=SYSTEM)
            await tx.execute("update members set state = 'active', issuer = 'i', subject = 's' where id = $1", invited.member)
    return invited.member


async def newest(settings: Settings, name: str = "Alder test") -> Version:
    async with within(settings) as (parts, tenant), parts.db.tenant(tenant) as tx:
        line = next(one for one in (await parts.approvals.lines(tx)).items if one.name == name)
        return await parts.approvals.newest(tx, line.id)


async def decide(settings: Settings, ana: MemberId, *, approve: bool) -> None:
    version = await newest(settings)
    async with within(settings) as (parts, tenant), parts.db.tenant(tenant) as tx:
        asked = {"version": version.number, "revision": version.revision, "by": SYSTEM, "member": ana}
        if approve:
            await parts.approvals.approve(tx, version.connection, proved=True, **asked)  # type: ignore[arg-type]
        else:
            await parts.approvals.reject(tx, version.connection, reason="Wrong address", **asked)  # type: ignore[arg-type]


def changes(outcome: Outcome) -> list[str]:
    return [line for line in outcome.lines if line[:1] in "+~>-"]


async def test_plan_apply_apply_export_plan(settings: Settings, tmp_path: Path) -> None:
    await approver(settings)
    file = written(tmp_path)
    planned = await plan(settings, file)
    assert planned.changes
    assert [line.split(" ", 2)[:2] for line in changes(planned)] == [["~", "change"], *[["+", "create"]] * 5]
    assert "    support_phone: (none) -> 555-0134" in planned.lines
    assert (await plan(settings, file)).lines == planned.lines, "a plan changes nothing"
    done = await apply(settings, file)
    assert any(line.startswith("connection Alder test: awaiting approval") for line in done.lines)
    assert any(line.startswith("connection Alder Millennium: in force") for line in done.lines)
    again = await apply(settings, file)
    assert (again.changes, changes(again)) == (False, [])
    text = await export(settings)
    back = await plan(settings, written(tmp_path, text))
    assert (back.changes, changes(back)) == (False, [])
    assert "s3cret" not in text
    assert "client_secret_file" not in text


async def test_approval_stays_with_the_approver_and_what_was_approved_serves_on(settings: Settings, tmp_path: Path) -> None:
    ana = await approver(settings)
    file = written(tmp_path)
    await apply(settings, file)
    await decide(settings, ana, approve=True)
    assert not (await plan(settings, file)).changes
    changed = written(tmp_path, FILE.replace("app-1", "app-9"))
    assert "    provider_client_id: app-1 -> app-9" in (await plan(settings, changed)).lines
    await apply(settings, changed)
    version = await newest(settings)
    async with within(settings) as (parts, tenant), parts.db.tenant(tenant) as tx:
        serving = await parts.approvals.in_force(tx, version.connection)
    assert serving is not None
    assert (version.state, version.content.provider_client_id, serving.content.provider_client_id) == ("awaiting", "app-9", "app-1")
    await decide(settings, ana, approve=False)
    assert not (await apply(settings, changed)).changes, "the approver is not asked again and again"
    assert not (await plan(settings, written(tmp_path))).changes, "what is in force is what that file says"


async def test_another_secret_is_seen_and_never_shown(settings: Settings, tmp_path: Path) -> None:
    await approver(settings)
    file = written(tmp_path)
    await apply(settings, file)
    (tmp_path / "secret").write_text("another-secret")
    planned = await plan(settings, file)
    assert "    client_secret: (stored) -> (changed)" in planned.lines
    assert not any("secret" in line.replace("client_secret", "") for line in planned.lines)
    await apply(settings, file)
    assert not (await plan(settings, file)).changes


async def test_a_draft_of_somebody_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    ana = await approver(settings)
    file = written(tmp_path)
    await apply(settings, file)
    await decide(settings, ana, approve=True)
    version = await newest(settings)
    async with within(settings) as (parts, tenant), parts.db.tenant(tenant) as tx:
        other = replace(version.content, provider_client_id="being-written")
        await parts.approvals.save(tx, version.connection, other, revision=version.revision, by=SYSTEM)
    assert not (await apply(settings, file)).changes
    assert (await newest(settings)).content.provider_client_id == "being-written"
    assert "being-written" not in await export(settings)


async def test_where_two_persons_are_needed_a_file_only_prepares(settings: Settings, tmp_path: Path) -> None:
    await approver(settings)
    file = written(tmp_path, FILE.replace("    idle_minutes: 20", "    two_persons: true"))
    done = await apply(settings, file)
    assert any("Alder test: saved as a draft" in line for line in done.lines)
    assert (await newest(settings)).state == "draft"
    assert not (await apply(settings, file)).changes


async def test_pruning_is_asked_for(settings: Settings, tmp_path: Path) -> None:
    await approver(settings)
    await apply(settings, written(tmp_path))
    less = FILE[: FILE.index("      - name: Alder Millennium")].replace("      - {name: Front desk, zone: America/Chicago}\n", "")
    file = written(tmp_path, less)
    assert not (await plan(settings, file)).changes
    planned = await plan(settings, file, prune=True)
    assert changes(planned) == ["- remove department Front desk of Alder Clinic", "- remove connection Alder Millennium of Alder Clinic"]
    await apply(settings, file, prune=True)
    assert not (await plan(settings, file, prune=True)).changes
    async with within(settings, "Birch Clinic") as (parts, tenant), parts.db.tenant(tenant) as tx:
        assert (await parts.organisations.get(tx)).name == "Birch Clinic", "organisations are never removed"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("zone: America/Chicago, external", "zone: Mars/Olympus, external", "zone-unknown"),
        ("iss: https://ehr.example.org/tst", "iss: http://ehr.example.org/tst", ":12:9: connection Alder test: iss:"),
        ("ana@alder.example", "nobody@alder.example", "nobody@alder.example is nobody of Alder Clinic"),
        ("client_secret_file: secret", "client_secret_file: nowhere", "cannot be read"),
        ("parent: Alder Clinic", "parent: Nowhere", "no organisation called Nowhere"),
        ("555-0134", "<script>", "phone-characters"),
    ],
)
async def test_what_cannot_be_is_told_with_its_place_and_nothing_of_that_organisation_is_applied(
    settings: Settings, tmp_path: Path, was: str, now: str, said: str
) -> None:
    await approver(settings)
    assert was in FILE
    with pytest.raises(BadInput) as caught:
        await apply(settings, written(tmp_path, FILE.replace(was, now, 1)))
    assert caught.value.sentence.startswith(str(tmp_path / "alder.yaml"))
    assert said in caught.value.sentence
    if "parent" not in was:
        async with within(settings) as (parts, tenant), parts.db.tenant(tenant) as tx:
            assert (await parts.approvals.lines(tx)).items == []


async def test_an_organisation_of_another_region_is_left_to_its_cell(db_url: str, tmp_path: Path) -> None:
    cells = {"VESTIBULE_REGION": "eu", "VESTIBULE_CELLS": "eu=https://eu.example,us=https://us.example", "VESTIBULE_CELLS_TOKEN": "t" * 32}
    settings = load({"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path / "data"), **cells})
    file = written(tmp_path, "organisations:\n  - {name: Cedar Clinic, region: us}\n  - {name: Dogwood Clinic}\n")
    done = await apply(settings, file)
    assert "  organisation Cedar Clinic lives in region us: apply the file at https://us.example" in done.lines
    async with opened(settings) as parts:
        assert len(await parts.tenancy.tenants(parts.db)) == 1
    text = await asyncio.to_thread(written(tmp_path, await export(settings)).read_text)
    assert "region: eu" in text
    assert not (await plan(settings, file)).changes
