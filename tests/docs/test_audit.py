"""Every action of the audit has its row, and the documented hash is the one that is computed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from architecture.source import ROOT, Module, modules
from docs.reference import actions_hidden, firsts, noted_actions, rows
from vestibule.auditing.words import action_words, kind_words
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Actor
from vestibule.platform.audit.model import GENESIS, Entry, chain_hash, content_hash


def test_every_action_is_documented_and_none_that_is_gone() -> None:
    noted = {action for module in modules("vestibule") for action in noted_actions(module)}
    told = firsts("audit.md", "action")
    assert sorted(told) == sorted(noted)


def test_no_action_is_hidden_from_this_test() -> None:
    assert [place for module in modules("vestibule") for place in actions_hidden(module)] == []


def test_every_action_has_words_on_the_page() -> None:
    assert sorted(firsts("audit.md", "action")) == sorted(action_words())


def test_each_action_says_when() -> None:
    assert [row for row in rows("audit.md", "action") if len(row) != 4 or not row[1]] == []


def test_the_example_of_a_hash_is_right() -> None:
    who = Actor("staff", "m-1", "s-1", "10.0.0.7", "7QK-2MD-R4T")
    entry = Entry(datetime(2026, 11, 21, 13, 1, 2, 3, UTC), who, "thing.made", "thing", "7", detail={"b": "2", "a": "ü"})
    tenant = TenantId(UUID("00000000-0000-7000-8000-000000000001"))
    told = (ROOT / "docs" / "reference" / "audit.md").read_text(encoding="utf-8")
    assert f"    {chain_hash(GENESIS, tenant, 1, content_hash(entry)).hex()}\n" in told


@pytest.mark.parametrize(
    ("text", "found", "hidden"),
    [
        ('def f(self): self._audit.note(tx, "thing.made", by=x)', ["thing.made"], 0),
        ('def f(self): audit.note(tx, "thing.made" if x else "thing.not-made", by=x)', ["thing.made", "thing.not-made"], 0),
        ('def f(self): audit.note(tx, action="thing.made", by=x)', ["thing.made"], 0),
        ('def f(self): self._note(tx, "thing.made")', ["thing.made"], 0),
        ("def _note(self, tx, action): self._audit.note(tx, action, by=x)", [], 0),
        ("def f(self, action): self._audit.note(tx, action, by=x)", [], 1),
        ('ACTIONS = {1: "thing.made"}\ndef f(): audit.note(tx, ACTIONS[1], by=x)', ["thing.made"], 0),
        ('def f(): audit.note(tx, f"thing.{x}", by=x)', [], 1),
        ('def f(): log.note("nothing like an action")', [], 0),
    ],
)
def test_actions_are_found_where_they_are_noted(text: str, found: list[str], hidden: int) -> None:
    module = Module.of("vestibule.x", text)
    assert list(noted_actions(module)) == found
    assert len(list(actions_hidden(module))) == hidden


def test_whatever_is_acted_upon_has_words_on_the_page() -> None:
    named = {
        kind
        for path in (ROOT / "src" / "vestibule").rglob("*.py")
        for kind in re.findall(r'about=\("([a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    assert named
    assert sorted(named - set(kind_words())) == []
