"""Files and functions stay small, and say what they are for."""

from __future__ import annotations

import pytest

from architecture.sizes import (
    MEDIAN_LINES_OF_FUNCTIONS,
    MOST_LINES_OF_A_FILE,
    MOST_LINES_OF_A_FUNCTION,
    length,
    long_file,
    long_functions,
    median_length,
    silent,
)
from architecture.source import Module, assert_none, modules

BOTH = pytest.mark.parametrize("package", ["vestibule", "practice"])


@BOTH
def test_no_file_wants_splitting(package: str) -> None:
    assert_none(line for module in modules(package) for line in long_file(module))


@BOTH
def test_no_function_wants_splitting(package: str) -> None:
    assert_none(line for module in modules(package) for line in long_functions(module))


@BOTH
def test_half_of_the_functions_are_short(package: str) -> None:
    assert median_length(modules(package)) <= MEDIAN_LINES_OF_FUNCTIONS


@BOTH
def test_everything_public_says_what_it_is_for(package: str) -> None:
    assert_none(line for module in modules(package) for line in silent(module))


def test_the_rules_can_fail() -> None:
    long = Module.of("vestibule.x", '"""X."""\n' + "a = 1\n" * MOST_LINES_OF_A_FILE)
    assert list(long_file(long))
    body = "    a = 1\n" * MOST_LINES_OF_A_FUNCTION
    assert list(long_functions(Module.of("vestibule.x", f"def f():\n{body}")))
    assert median_length([Module.of("vestibule.x", f"def f():\n{body}")]) > MEDIAN_LINES_OF_FUNCTIONS


def test_a_docstring_does_not_make_a_function_long() -> None:
    (function,) = Module.of("x", 'def f():\n    """One.\n\n    Three.\n    """\n    return 1\n').functions()
    assert length(function) == 2


@pytest.mark.parametrize(
    "text",
    ["a = 1", '"""M."""\ndef f(): ...', '"""M."""\nclass A: ...', '"""M."""\nclass A:\n    """A."""\n    def f(self): ...'],
)
def test_the_rule_about_docstrings_can_fail(text: str) -> None:
    assert list(silent(Module.of("vestibule.x", text)))


def test_what_is_private_need_not_explain_itself() -> None:
    text = '"""M."""\ndef _f(): ...\nclass A:\n    """A."""\n    def __init__(self): ...\n    def _g(self): ...'
    assert list(silent(Module.of("vestibule.x", text))) == []
