"""`make test` runs in rounds; none of the tests may fall between them."""

from __future__ import annotations

import runpy

from architecture.source import ROOT

ROUNDS = runpy.run_path(str(ROOT / "bin" / "run_tests.py"))


def test_every_journey_stands_where_the_round_of_journeys_looks() -> None:
    marked = [path for path in (ROOT / "tests").rglob("*.py") if "mark.journ" + "ey" in path.read_text(encoding="utf-8")]
    looked_at = tuple(str(ROOT / place) for place in ROUNDS["JOURNEYS"])
    assert marked
    assert [path for path in marked if not str(path).startswith(looked_at)] == []


def test_every_place_that_a_round_names_exists() -> None:
    named = [*ROUNDS["JOURNEYS"], *ROUNDS["STORES"]]
    assert [place for place in named if not (ROOT / place).exists()] == []
