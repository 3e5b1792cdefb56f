"""Ports for what a test starts: from a range that the system gives to nobody of itself, each once in a while.

A port that the system names as free may be anybody's a moment later, for it gives it to the next who asks; between the asking and the
listening a whole application is put together.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator

_FIRST, _EACH, _SLICES = 11_000, 1_000, 9  # below what systems give away (32768 on Linux), above what browsers refuse (10080)


def _in_turn() -> Iterator[int]:
    """The ports of this test process, in an order of its own, over and over."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + process % _SLICES * _EACH
    return itertools.cycle(random.sample(range(first, first + _EACH), _EACH))


_ports = _in_turn()


def free_port() -> int:
    """One at which nobody listens, and that no test of this process was given lately."""
    for port in itertools.islice(_ports, _EACH):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("somebody listens at every port of this test process")
