"""What a process that stays does about Python's cycle collector."""

from __future__ import annotations

import gc


def calm_the_collector() -> None:
    """Keep it from stopping the world for what does not go away.

    Ten thousand streams are a million objects that live for hours; looking through all of them takes half a second, in which no event
    is delivered, and finds nothing. What the program itself consists of is put aside for good, and the whole heap is searched only after
    some 700,000 new objects have stayed; young garbage is found as before.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)
