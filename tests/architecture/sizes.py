"""How large a thing may be, and that it says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from statistics import median

from architecture.source import Function, Module

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
MEDIAN_LINES_OF_FUNCTIONS = 15


def long_file(module: Module) -> Iterator[str]:
    """A file that wants splitting."""
    lines = module.text.count("\n")
    if lines > MOST_LINES_OF_A_FILE:
        yield f"{module.name}: {lines} lines"


def long_functions(module: Module) -> Iterator[str]:
    """Functions that want splitting."""
    for function in module.functions():
        if length(function) > MOST_LINES_OF_A_FUNCTION:
            yield module.at(function, f"{function.name} has {length(function)} lines")


def length(function: Function) -> int:
    """Lines from `def` to the last, decorators and docstring not counted: a long explanation is no long function."""
    body = function.body
    said = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    docstring = (body[0].end_lineno or 0) - body[0].lineno + 1 if said else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def median_length(modules: Iterable[Module]) -> float:
    """Half of all functions are shorter than this."""
    return median(length(function) for module in modules for function in module.functions())


def silent(module: Module) -> Iterator[str]:
    """Modules and public classes and functions without a docstring."""
    if ast.get_docstring(module.tree) is None:
        yield f"{module.name}: has no docstring"
    for node in _public(module.tree):
        if ast.get_docstring(node) is None:
            yield module.at(node, f"{node.name} has no docstring")


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)
