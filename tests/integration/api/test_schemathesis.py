"""The description against the served application: schemathesis looks for anything that one promises and the other does not keep."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from support.programs import house
from vestibule.protocols.jose import SigningKey

_CONFIG = """
generation.deterministic = true
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "412", "422", "428"]
missing_required_header.expected-statuses = ["428"]
[phases]
examples.enabled = false
fuzzing.enabled = true
coverage.enabled = true
stateful.enabled = true
"""


@pytest.mark.timeout(300)  # half a minute alone, more beside others
async def test_nothing_is_found_against_the_description(db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = SigningKey.generate
    monkeypatch.setattr("vestibule.tenancy.service.SigningKey", SigningKey)  # here keys are renewed more often than a handful lasts
    monkeypatch.setattr(SigningKey, "generate", lambda _alg: generate("ES384"))  # an RSA key takes longer than all the rest of a request
    async with house(db_url, tmp_path) as here:
        tenant = await here.organisation("Alder Clinic")
        program = await here.program(tenant)
        await here.approver(tenant)
        config = tmp_path / "schemathesis.toml"
        config.write_text(_CONFIG, encoding="utf-8")
        command = ["-m", "schemathesis.cli", "--config-file", str(config), "run", f"{here.origin}/api/openapi.json"]
        options = ["--header", f"Authorization: Bearer {program.token}", "--checks", "all", "--max-examples", "4", "--no-color"]
        environ = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis")}
        run = await asyncio.create_subprocess_exec(
            sys.executable, *command, *options, cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()[-12_000:]
