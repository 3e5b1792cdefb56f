"""Ports for servers that tests start.

Each process of tests has a stretch of ports of its own, below those which the kernel gives out by itself: nobody can take a port between
its being chosen and its being listened on, however long that is.
"""

from __future__ import annotations

import atexit
import itertools
import socket
from collections.abc import Iterator

_HOST = "127.0.0.1"
_EACH = 200
_STRETCHES = range(11_000, 16_000, _EACH)  # kernels give out ports from 16,000 at the lowest; browsers refuse 10,080


class _Stretch:
    """The first free stretch: its lowest port is listened on for as long as this process lives, which tells the others that it is taken."""

    def __init__(self) -> None:
        for low in _STRETCHES:
            sign = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                sign.bind((_HOST, low))
                sign.listen()
            except OSError:
                sign.close()
                continue
            atexit.register(sign.close)
            self._turn: Iterator[int] = itertools.cycle(range(low + 1, low + _EACH))
            return
        raise OSError(f"no free stretch of ports from {_STRETCHES.start} to {_STRETCHES.stop}")

    def run_of(self, many: int) -> int:
        """The first of so many ports in a row that nobody listens on; the same ones come again as late as possible."""
        found: list[int] = []
        for port in itertools.islice(self._turn, 2 * _EACH):
            if not _free(port):
                found = []
                continue
            found = [*found, port] if found and port == found[-1] + 1 else [port]
            if len(found) == many:
                return found[0]
        raise OSError(f"no {many} free ports in a row in this process's stretch")


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


_mine: list[_Stretch] = []


def free_port(together: int = 1) -> int:
    """A port of this machine that is ours alone; the first of several in a row where more are needed `together`."""
    if not _mine:
        _mine.append(_Stretch())
    return _mine[0].run_of(together)
