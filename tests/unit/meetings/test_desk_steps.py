"""How far Teams is connected, as the five steps show it."""

from __future__ import annotations

import pytest

from vestibule.kit.clock import SystemClock
from vestibule.meetings.desk.frame import Overview, Step
from vestibule.meetings.model import ProofKind, Settings

_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_ALL = frozenset(Step)


@pytest.mark.parametrize(
    ("code", "done"),
    [
        ("", _ALL),
        # An id, or the secret itself, is wrong: what is to be looked at next is what proves us, not what was granted.
        ("teams-sign-in-refused", {Step.APPLICATION, Step.OPTIONS}),
        ("teams-policy-missing", {Step.APPLICATION, Step.PROOF, Step.OPTIONS}),
    ],
)
def test_what_the_last_test_found_unticks_the_step_that_mends_it(code: str, done: set[Step]) -> None:
    settings = Settings(directory=_ID, client_id=_ID, proof=ProofKind.SECRET, secret="one", tested_at=SystemClock().now(), test_code=code)
    assert Overview(brand="", settings=settings, key=None, waiting=None, bound=1).done == done
