"""Every setting, error code, event kind, route and command has its row in docs/reference, and no row is about something gone."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import typer
from prometheus_client import Counter, Gauge, Histogram

from architecture.source import ROOT, Module, modules
from docs.reference import broken_links, error_classes, firsts, raised_codes, rows
from vestibule import wiring
from vestibule.cli import app as commands
from vestibule.platform.telemetry import metrics
from vestibule.platform.web.app import access_table
from vestibule.settings import SETTINGS, load
from vestibule.visits.model import EventKind


def codes() -> dict[str, str]:
    """Every code the program raises, with one place where it does."""
    own = {module.name: module for module in modules("vestibule")}
    classes = error_classes(own["vestibule.errors"])
    return {code: place for module in own.values() for code, place in raised_codes(module, classes)}


def test_every_setting_is_documented_with_its_help() -> None:
    told = {row[0].split()[0]: row[2] for row in rows("settings.md", "setting")}
    assert told == {setting.name: setting.help for setting in SETTINGS}


def test_every_error_code_is_documented() -> None:
    told = set(firsts("errors.md", "code"))
    undocumented = sorted(f"{code} at {place}" for code, place in codes().items() if code not in told)
    assert not undocumented, "\n".join(undocumented)


def test_no_documented_error_is_gone() -> None:
    written = set().union(*(texts(module) for module in modules("vestibule")))
    assert [code for code in firsts("errors.md", "code") if code not in written] == []


def test_each_error_is_documented_once_with_cause_and_remedy() -> None:
    told = firsts("errors.md", "code")
    assert told == sorted(set(told))
    assert [row for row in rows("errors.md", "code") if len(row) != 4 or not all(row)] == []


def test_every_event_kind_is_documented() -> None:
    assert sorted(firsts("events.md", "kind")) == sorted(kind.value for kind in EventKind)


def doors() -> dict[str, str]:
    """Every route of the real application and who may use it. What the services would do does not matter here."""
    parts = MagicMock()
    parts.settings = load({})
    app = wiring.web_app(parts, MagicMock())
    return {f"{'GET' if methods == 'ASGI' else methods} {shape(path)}": who for methods, path, who in access_table(app)}


def shape(path: str) -> str:
    """A path without what its parameters are called."""
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_route_is_documented_with_who_may_use_it() -> None:
    told = {shape(row[0]): row[1] for row in rows("routes.md", "route")}
    assert sorted(told) == sorted(doors())
    for route, who in doors().items():
        if who.startswith("session: "):
            roles = who.removeprefix("session: ")
            assert told[route].partition(";")[0].split(", ") == roles.split(", "), route


def spelled(command: Any, path: str = "vestibule") -> list[str]:
    """A command and those below it, as they are typed."""
    below = getattr(command, "commands", None)
    return [path] if below is None else [name for sub in below for name in spelled(below[sub], f"{path} {sub}")]


def test_every_command_is_documented() -> None:
    told = [row[0] for row in rows("commands.md", "command")]
    real = spelled(typer.main.get_command(commands))
    assert [name for name in real if not any(f"{row} ".startswith(f"{name} ") for row in told)] == []
    assert [row for row in told if not any(f"{row} ".startswith(f"{name} ") for name in real)] == []


def test_every_metric_is_documented_and_fed() -> None:
    named = {name: metric for name, metric in vars(metrics).items() if isinstance(metric, Counter | Gauge | Histogram)}
    families = {next(iter(metric.describe())).name for metric in named.values()}
    assert families == {name.removesuffix("_total") for name in firsts("metrics.md", "name")}
    others = [module for module in modules("vestibule") if module.name != metrics.__name__]
    used = {node.id for module in others for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    assert sorted(set(named) - used) == []


def texts(module: Module) -> set[str]:
    """Every text in a module."""
    return {node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def pages() -> list[Path]:
    """Every page of ours."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(page: Path) -> None:
    assert broken_links(page) == []


CLASSES = {"VestibuleError", "NotFound"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('raise NotFound("visit-not-found", "No.", phase="p")', ["visit-not-found"]),
        ('raise errors.NotFound("visit-not-found", "No.", phase="p")', ["visit-not-found"]),
        ('raise NotFound("a-b" if x else "c-d", "No.", phase="p")', ["a-b", "c-d"]),
        ('raise NotFound(code="a-b")', ["a-b"]),
        ('class Lost(NotFound): ...\nraise Lost("a-b")', ["a-b"]),
        ('class Lost(NotFound):\n    def __init__(self):\n        super().__init__("a-b", "No.", phase="p")', ["a-b"]),
        ('raise ValueError("not-a-code")', []),
        ("raise NotFound(code)", []),
    ],
)
def test_codes_are_found_where_errors_are_made(text: str, found: list[str]) -> None:
    assert [code for code, _ in raised_codes(Module.of("vestibule.x", text), CLASSES)] == found


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("[b](b.md) [web](https://x.example) [here](#a) [self](a.md#x) ![c](c.png)\n```\n[d](d.md)\n```", encoding="utf-8")
    assert broken_links(page) == ["b.md", "c.png"]
