"""What must not be in the repository: where packages were fetched from, and a lock file that would say so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from architecture.source import ROOT

# Put together here, so that this file does not contain what it forbids.
_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "registry.yarnpkg" + ".com")
_HOST = re.compile("|".join(map(re.escape, _HOSTS)) + r"|--(extra-)?index" + r"-url\s+\S|--find" + r"-links\s+\S")
_LOCKS = {"uv.lock", "package-lock.json", "poetry.lock", "Pipfile.lock", "yarn.lock"}
_SKIPPED = {".git", ".venv", ".uv", "var", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "__pycache__"}


def files() -> list[Path]:
    """What git knows; without git, everything that is not made by tools."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not _SKIPPED & set(path.relative_to(ROOT).parts)]


def names_a_registry(text: str) -> bool:
    return bool(_HOST.search(text))


def test_no_file_names_a_registry() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="ignore") for path in files()}
    assert [name for name, text in texts.items() if names_a_registry(text)] == []


def test_requirements_are_hashed_and_the_only_lock() -> None:
    assert [path.name for path in files() if path.name in _LOCKS] == []
    for name in ("base", "dev", "bench"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9].*==\S+", text, re.MULTILINE | re.IGNORECASE)
        assert pins
        for entry in re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE):
            if "==" in entry:
                assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize(
    "text", [f"https://{_HOSTS[0]}/simple", f"see {_HOSTS[1]}", "--extra-index" + "-url http://x", "--index" + "-url http://y"]
)
def test_the_rule_about_registries_can_fail(text: str) -> None:
    assert names_a_registry(text)
