"""The project's Python as syntax trees. Rules look at these and never import what they judge."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file.

    Attributes:
        name: dotted, e.g. `vestibule.kit.ids`; a package goes by its own name.
        text: its lines as written.
    """

    name: str
    text: str
    tree: ast.Module
    package: bool = False

    @classmethod
    def of(cls, name: str, text: str, *, package: bool = False) -> Module:
        """A module that need not exist: the snippets with which a rule proves that it can fail."""
        return cls(name, text, ast.parse(text), package)

    def at(self, node: ast.AST, what: str) -> str:
        """A complaint with its place."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}: {what}"

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Every module this one names: `from a.b import c` gives `a.b` and `a.b.c`, relative ones made absolute."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from ((node, f"{base}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and _called(node) in {"importlib.import_module", "import_module", "__import__"}:
                yield from ((node, str(argument.value)) for argument in node.args[:1] if isinstance(argument, ast.Constant))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + self.package]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def names_used(self) -> Iterator[tuple[ast.AST, str]]:
        """Every dotted name the code reaches, with imports resolved: `from time import time as t; t()` gives `time.time`."""
        known = self._aliases()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and not node.level:
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
            dotted = _dotted(node)
            if dotted:
                head, _, rest = dotted.partition(".")
                if head in known:
                    yield node, f"{known[head]}.{rest}" if rest else known[head]

    def _aliases(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    known[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and not node.level:
                known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return known


def _dotted(node: ast.AST) -> str:
    """`a.b.c` for an attribute chain on a name, else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _called(node: ast.Call) -> str:
    return _dotted(node.func)


def assert_none(complaints: Iterable[str]) -> None:
    """Fail with every complaint on a line of its own."""
    found = sorted(complaints)
    assert not found, "\n" + "\n".join(found)


@cache
def modules(package: str) -> tuple[Module, ...]:
    """All modules of a package under src/."""
    return tuple(_load(path) for path in sorted((SRC / package).rglob("*.py")))


def _load(path: Path) -> Module:
    parts = list(path.relative_to(SRC).with_suffix("").parts)
    package = parts[-1] == "__init__"
    return Module.of(".".join(parts[:-1] if package else parts), path.read_text(encoding="utf-8"), package=package)
