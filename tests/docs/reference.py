"""What the reference pages say, and what the source says they should."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from architecture.source import ROOT, Module

REFERENCE = ROOT / "docs" / "reference"
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of every row of the page's tables whose first column is called `head`, without backquotes."""
    found: list[list[str]] = []
    inside = False
    before: list[str] = []
    for line in (REFERENCE / page).read_text(encoding="utf-8").splitlines():
        cells = _cells(line)
        if not cells:
            inside = False
        elif _is_rule(cells):
            inside = before[:1] == [head]
        elif inside:
            found.append(cells)
        before = cells
    return found


def _cells(line: str) -> list[str]:
    """A table row's cells; a bar after a backslash is text."""
    if not line.startswith("|"):
        return []
    return [cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _is_rule(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def firsts(page: str, head: str) -> list[str]:
    """What each row of those tables is about: its first word."""
    return [row[0].split()[0] for row in rows(page, head)]


def error_classes(errors: Module) -> set[str]:
    """The classes of errors.py."""
    return {node.name for node in ast.walk(errors.tree) if isinstance(node, ast.ClassDef)}


def raised_codes(module: Module, classes: set[str]) -> Iterator[tuple[str, str]]:
    """Code and place of every error that is made: `NotFound("visit-not-found", ...)`, also `code="..."`."""
    made = classes | _subclasses(module, classes)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in made or _is_super_init(node):
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "code")]
            for argument in given:
                for code in _texts(argument):
                    yield code, module.at(node, name)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts an argument can be: a constant, or either side of `a if b else c`."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
        yield node.value


def _subclasses(module: Module, classes: set[str]) -> set[str]:
    return {
        node.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).rpartition(".")[2] in classes for base in node.bases)
    }


def _is_super_init(node: ast.Call) -> bool:
    return ast.unparse(node.func) == "super().__init__"


def broken_links(page: Path) -> list[str]:
    """Relative links of a Markdown page that lead nowhere."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"""(?:src|href)=["']([^"']+)["']""", text)
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    return [target for target in local if not (page.parent / target).exists()]


_ACTION = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")


def noted_actions(module: Module) -> Iterator[str]:
    """Every action a module notes in the audit: handed to `note(...)` or a helper whose name ends so, or a value of `ACTIONS`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _is_note(node):
            for argument in [*node.args, *(k.value for k in node.keywords if k.arg == "action")]:
                yield from (text for text in _strings(argument) if _ACTION.fullmatch(text))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "ACTIONS" for target in targets):
                yield from (text for value in node.value.values for text in _strings(value))


def actions_hidden(module: Module) -> Iterator[str]:
    """Notes whose action cannot be read off the source: neither written there, nor of `ACTIONS`, nor a helper's own `action`."""
    for function in module.functions():
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and _is_note(node) and ast.unparse(node.func).endswith("audit.note")):
                continue
            action = next((k.value for k in node.keywords if k.arg == "action"), node.args[1] if len(node.args) > 1 else None)
            helper = function.name.endswith("note") and isinstance(action, ast.Name) and action.id == "action"
            table = isinstance(action, ast.Subscript) and ast.unparse(action.value) == "ACTIONS"
            if action is not None and not (helper or table or list(_strings(action))):
                yield module.at(node, ast.unparse(action))


def _is_note(node: ast.Call) -> bool:
    return ast.unparse(node.func).rpartition(".")[2].endswith("note")


def _strings(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _strings(node.body)
        yield from _strings(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
