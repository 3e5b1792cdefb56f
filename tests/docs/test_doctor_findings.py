"""Every finding of the doctor has its section in the runbook, with cause and remedy, and no section is about one that is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from architecture.source import ROOT, Module, modules
from docs.reference import rows
from vestibule.doctor.model import look

PAGE = ROOT / "docs" / "howto" / "doctor-findings.md"
_WORDS = ("good", "look", "stops")


def said(module: Module) -> Iterator[tuple[str, str]]:
    """(word, code) wherever a finding is made: `stops("reach-name", ...)`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _WORDS and node.args:
            first = node.args[0]
            yield node.func.id, first.value if isinstance(first, ast.Constant) else f"not a plain text at {module.at(node, '')}"


def findings() -> set[tuple[str, str]]:
    """All that the program can say."""
    own = [m for m in modules("vestibule") if m.name.startswith("vestibule.doctor") or m.name == "vestibule.installation"]
    return {pair for module in own if module.name != "vestibule.doctor.model" for pair in said(module)}


def sections() -> dict[str, str]:
    """The runbook's sections about findings."""
    parts = re.split(r"^### +", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {title.strip(): text for title, _, text in (part.partition("\n") for part in parts)}


def test_every_finding_that_is_not_good_has_its_section() -> None:
    assert sorted({code for word, code in findings() if word != "good"}) == sorted(sections())


@pytest.mark.parametrize("code", sorted(sections()))
def test_a_section_says_level_cause_and_remedy(code: str) -> None:
    text = sections()[code]
    levels = {word for word, said_code in findings() if said_code == code}
    assert re.search(r"^\*\*Cause\.\*\* \S", text, re.MULTILINE)
    assert re.search(r"^\*\*Remedy\.\*\* \S", text, re.MULTILINE)
    assert all(f"*{level}*" in text for level in levels)


def test_every_good_finding_stands_in_the_table() -> None:
    told = [row[0] for row in rows("../howto/doctor-findings.md", "code")]
    assert sorted(told) == sorted({code for word, code in findings() if word == "good"})


def test_a_finding_links_to_its_section() -> None:
    assert look("frame-missing", "What.", "Remedy.").docs == "howto/doctor-findings.md#frame-missing"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('yield stops("a-b", what, "Do.")', [("stops", "a-b")]),
        ('return good("a-b", "Fine.")', [("good", "a-b")]),
        ('x = {1: look("a-b", "W", "R")}', [("look", "a-b")]),
        ('other("a-b")', []),
    ],
)
def test_findings_are_found_where_they_are_made(text: str, found: list[tuple[str, str]]) -> None:
    assert list(said(Module.of("vestibule.doctor.x", f"def f():\n    {text}"))) == found
